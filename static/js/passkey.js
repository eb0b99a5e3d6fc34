// Passkeys need scripts and a browser that knows them. Where one is missing the button says so instead of doing nothing,
// and when the browser refuses, the page says what happened.
const buttons = [...document.querySelectorAll("[data-needs-script]")];
const answer = (button, text) => {
  const note = button.parentElement.querySelector("[role=status]") ?? button.parentElement.appendChild(document.createElement("p"));
  note.setAttribute("role", "status");
  note.className = "small soft";
  note.textContent = text;
};

for (const button of buttons) {
  if (window.PublicKeyCredential) continue;
  button.hidden = true;
  answer(button, "This browser cannot use passkeys here. Sign in another way.");
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  for (const button of buttons) answer(button, "That did not work, and nothing was changed. Try again, or use another way.");
});
