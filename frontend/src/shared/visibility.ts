/** Whether a view can be seen: in the part of the page on screen, in a tab that is shown. */
export function watchVisibility(
  element: HTMLElement,
  onChange: (visible: boolean) => void,
): () => void {
  let onScreen = false;
  let visible = false;
  const check = (): void => {
    const now = onScreen && document.visibilityState === "visible";
    if (now === visible) return;
    visible = now;
    onChange(now);
  };
  const observer = new IntersectionObserver((entries) => {
    onScreen = entries.at(-1)?.isIntersecting ?? false;
    check();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", check);
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", check);
  };
}
