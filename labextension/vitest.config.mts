import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.spec.{ts,tsx}'],
    setupFiles: ['test/setup.ts'],
    environment: 'jsdom',
    // A busy machine types slowly.
    testTimeout: 60_000,
    // Words depend on the zone only where a test names one.
    env: { TZ: 'UTC' }
  }
});
