// Asks before a page with unsaved changes is left. <form data-ask-before-leaving>
for (const form of document.querySelectorAll("form[data-ask-before-leaving]")) {
  const words = () => new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string")).toString();
  let settled = words();
  const ask = (event) => {
    if (words() !== settled) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask);
  form.addEventListener("draft:saved", () => { settled = words(); });
  form.addEventListener("submit", () => window.removeEventListener("beforeunload", ask));
}
