import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.spec.{ts,tsx}'],
    setupFiles: ['test/setup.ts'],
    environment: 'jsdom',
    // Words depend on the zone only where a test names one.
    env: { TZ: 'UTC' }
  }
});
