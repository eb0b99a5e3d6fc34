// A second click on a submit button does nothing for a while. The server guards itself; this only spares a puzzling answer.
const QUIET = 4000;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent && Date.now() - Number(form.dataset.sent) < QUIET) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = String(Date.now());
  // aria-disabled and not disabled: a disabled button would take its own name and value out of what is sent.
  const button = event.submitter;
  button?.setAttribute("aria-disabled", "true");
  setTimeout(() => button?.removeAttribute("aria-disabled"), QUIET);
});

// Coming back by the back button shows a page that may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
