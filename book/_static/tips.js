// What all tips share. Each page brings a list of its own tips, from sphinx-tippy; tippy.js shows
// them when the mouse or the keyboard reaches a link.
const hideOnEscape = {
  name: "hideOnEscape",
  defaultValue: true,
  fn({ hide }) {
    const onKeyDown = (event) => {
      if (event.key === "Escape") hide();
    };
    return {
      onShow() { document.addEventListener("keydown", onKeyDown); },
      onHide() { document.removeEventListener("keydown", onKeyDown); },
    };
  },
};

tippy.setDefaultProps({
  plugins: [hideOnEscape],
  // At the end of the page: what scrolls or fades in the text must not cut a tip off.
  appendTo: () => document.body,
  aria: { content: "describedby", expanded: false },
  // A finger that touches a link means to follow it.
  touch: false,
  // Equations are set when they are first seen. A page without MathJax shows them as they are.
  onShow({ popper, popperInstance }) {
    const math = popper.querySelector(".math:not(:has(mjx-container))");
    if (math && window.MathJax?.typesetPromise) {
      MathJax.typesetPromise([popper]).then(() => popperInstance?.update());
    }
  },
});
