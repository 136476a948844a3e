import * as React from 'react';

/** The value once it has not changed for `delay` milliseconds, without space around it. */
export function useSettled(value: string, delay: number): string {
  const [settled, settle] = React.useState(value);
  React.useEffect(() => {
    const timer = window.setTimeout(() => settle(value.trim()), delay);
    return () => window.clearTimeout(timer);
  }, [value, delay]);
  return settled;
}

/**
 * Whether the pointer or the focus is inside an element.
 *
 * What somebody points at must not move: lists keep their order until they are left.
 */
export function useHeld() {
  const [pointed, setPointed] = React.useState(false);
  const [focused, setFocused] = React.useState(false);
  return {
    held: pointed || focused,
    hold: {
      onPointerEnter: () => setPointed(true),
      onPointerLeave: () => setPointed(false),
      onFocus: () => setFocused(true),
      onBlur: (event: React.FocusEvent) =>
        setFocused(event.currentTarget.contains(event.relatedTarget))
    }
  };
}

/** Whether an element is in its scrolling box or near it. */
export function useNear(
  box: React.RefObject<HTMLElement>,
  onChange: (near: boolean) => void
): void {
  const tell = React.useRef(onChange);
  React.useEffect(() => {
    tell.current = onChange;
  });
  React.useEffect(() => {
    const element = box.current;
    if (!element || !('IntersectionObserver' in window)) {
      tell.current(true);
      return;
    }
    const observer = new IntersectionObserver(
      entries => tell.current(entries[entries.length - 1].isIntersecting),
      { root: element.closest('.jp-orch-scroll'), rootMargin: '800px 0px' }
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
}
