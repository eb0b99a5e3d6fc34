// Lets the portal's own clock go on from where it was when the page was made. It never asks the clock of this computer.
const opened = performance.getEntriesByType("navigation")[0]?.responseStart ?? 0;
const said = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Europe/London", hour: "numeric", minute: "2-digit", second: "2-digit", hour12: true,
});

for (const clock of document.querySelectorAll("[data-clock]")) {
  const made = Date.parse(clock.dateTime);
  if (Number.isNaN(made)) continue;
  const show = () => {
    clock.textContent = said.format(new Date(made + performance.now() - opened)).replace(/\s/g, "").toLowerCase();
  };
  show();
  setInterval(show, 1000);
  clock.parentElement.querySelector("[data-clock-note]")?.remove();
}
