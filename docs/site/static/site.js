// What scrolls sideways can be reached by the keyboard, and the lines of a long signature are no list of definitions.
function markScrolling() {
  for (const box of document.querySelectorAll("pre, .table-wrapper")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll("dt.sig dl, dt.sig dl > dd")) part.setAttribute("role", "presentation");
  markScrolling();
});
addEventListener("load", markScrolling);
addEventListener("resize", markScrolling);
