// Says how many words are left. Counts as the server does: line ends made alike, then split on white space.
const countWords = (text) => text.replace(/\r\n?/g, "\n").split(/\s+/u).filter(Boolean).length;

for (const note of document.querySelectorAll("[data-word-count]")) {
  const field = document.getElementById(note.dataset.wordCount);
  if (!field) continue;
  const limit = Number(field.dataset.wordLimit);
  const spoken = document.createElement("span");
  spoken.className = "govuk-visually-hidden";
  spoken.setAttribute("role", "status");
  note.after(spoken);
  let speaking;

  const say = () => {
    const left = limit - countWords(field.value);
    const words = `${Math.abs(left).toLocaleString("en-GB")} word${Math.abs(left) === 1 ? "" : "s"}`;
    note.textContent = left < 0 ? `You have ${words} too many` : `You have ${words} left of ${limit.toLocaleString("en-GB")}`;
    note.classList.toggle("word-count--over", left < 0);
    // A screen reader hears it once typing has paused, not at every key.
    clearTimeout(speaking);
    speaking = setTimeout(() => {
      if (document.activeElement === field) spoken.textContent = note.textContent;
    }, 1200);
  };
  field.addEventListener("input", say);
  say();
}
