// Saves a draft while it is being written, and never loses what was typed.
//
//   <form data-autosave-url="..." data-version="7">   <p class="save-state" data-save-state></p>
//
// Only fields that changed are sent, with the version they were based on (base_version). The server answers
//   200 {"version": 8}
//   409 {"version": 9, "theirs": {"field": "text"}}    a colleague changed the same field: nothing is overwritten
//   anything else                                       the text stays in this browser and is offered again
const PAUSE = 1500;
const RETRY = 15000;

for (const form of document.querySelectorAll("form[data-autosave-url]")) attach(form);

function attach(form) {
  const url = form.dataset.autosaveUrl;
  const drawer = `unsent:${url}`;
  const state = form.querySelector("[data-save-state]") ?? addState(form);
  const saved = new Map(snapshot(form));
  let version = form.dataset.version ?? "";
  let timer, sending = false, stopped = false;

  offerBack();
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", () => {
    stopped = true;
    clearTimeout(timer);
    // Kept until a later page shows that the server has it: the next visit compares and clears.
    keep(changes());
  });
  window.addEventListener("online", () => send());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") keep(changes());
  });

  function changed() {
    if (stopped) return;
    keep(changes());
    clearTimeout(timer);
    timer = setTimeout(send, PAUSE);
  }

  function changes() {
    return snapshot(form).filter(([name, value]) => saved.get(name) !== value);
  }

  async function send() {
    const sent = changes();
    if (stopped || sending || !sent.length) return;
    sending = true;
    say("saving", "Saving…");
    const body = new FormData();
    body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken?.value ?? "");
    body.set("base_version", version);
    for (const [name, value] of sent) for (const one of JSON.parse(value)) body.append(name, one);
    // A group of boxes with none ticked sends no value, so its name says that it changed.
    for (const [name] of sent) body.append("changed", name);
    let again = RETRY;
    try {
      const answer = await fetch(url, {method: "POST", body, headers: {Accept: "application/json"}, redirect: "manual"});
      const told = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
      if (answer.ok) {
        for (const [name, value] of sent) saved.set(name, value);
        version = String(told.version ?? version);
        form.dataset.version = version;
        for (const field of form.querySelectorAll("[name=base_version]")) field.value = version;
        keep(changes());
        form.dispatchEvent(new CustomEvent("draft:saved", {detail: told}));
        say("saved", `Saved at ${new Date().toLocaleTimeString("en-GB", {hour: "numeric", minute: "2-digit"})}`);
        again = changes().length ? PAUSE : 0;
      } else if (answer.status === 409) {
        stopped = true;
        showConflict(told);
        again = 0;
      } else {
        say("kept", told.message ?? "Not saved. Your text is kept in this browser. Reload this page, or sign in again in another tab.");
      }
    } catch {
      say("kept", "No connection. Your text is kept in this browser and will be sent when the connection is back.");
    } finally {
      sending = false;
    }
    clearTimeout(timer);
    if (again && !stopped) timer = setTimeout(send, again);
  }

  function showConflict(told) {
    say("kept", "A colleague changed the same answer. Nothing was overwritten: yours is kept in this browser.");
    const box = note("A colleague has changed the same answer since you opened this page. Copy what you need from your text below, then");
    const link = document.createElement("a");
    link.href = window.location.href;
    link.textContent = "load the latest version";
    box.querySelector("p").append(" ", link, ".");
    for (const [name, text] of Object.entries(told.theirs ?? {})) {
      const heading = document.createElement("p");
      const words = document.createElement("blockquote");
      heading.textContent = `Now saved for “${labelOf(name)}”:`;
      words.textContent = text;
      box.append(heading, words);
    }
    form.before(box);
    box.focus();
  }

  function offerBack() {
    const kept = read().filter(([name, value]) => saved.has(name) && saved.get(name) !== value);
    if (!kept.length) return keep([]);
    const box = note(`Text from an earlier visit was not saved: ${kept.map(([name]) => labelOf(name)).join(", ")}.`);
    const row = document.createElement("p");
    row.className = "button-row";
    row.append(
      choice("Put it back", "button button--secondary", () => {
        for (const [name, value] of kept) restore(form, name, JSON.parse(value));
        box.remove();
        form.dispatchEvent(new Event("input", {bubbles: true}));
      }),
      choice("Leave it out", "button button--quiet", () => {
        keep([]);
        box.remove();
      }),
    );
    box.append(row);
    form.before(box);
  }

  function note(text) {
    const box = document.createElement("div");
    const words = document.createElement("p");
    box.className = "callout callout--warning offer-back";
    box.tabIndex = -1;
    words.textContent = text;
    box.append(words);
    return box;
  }

  function choice(text, classes, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = classes;
    button.textContent = text;
    button.addEventListener("click", act);
    return button;
  }

  function labelOf(name) {
    const field = [...form.elements].find((one) => one.name === name);
    return field?.closest("fieldset")?.querySelector("legend")?.textContent.trim() ?? field?.labels?.[0]?.textContent.trim() ?? name;
  }

  function say(what, text) {
    state.dataset.state = what;
    state.textContent = text;
  }

  function keep(entries) {
    try {
      if (entries.length) localStorage.setItem(drawer, JSON.stringify(entries));
      else localStorage.removeItem(drawer);
    } catch {
      // Storage is full or forbidden: the server still has everything that was said to be saved.
    }
  }

  function read() {
    try {
      return JSON.parse(localStorage.getItem(drawer) ?? "[]");
    } catch {
      return [];
    }
  }
}

function addState(form) {
  const state = document.createElement("p");
  state.className = "save-state";
  form.append(state);
  state.setAttribute("role", "status");
  return state;
}

// Every named field with its values as one comparable string. Files and tokens are not drafts.
function snapshot(form) {
  const values = new Map();
  for (const field of form.elements) {
    if (!field.name || field.disabled || ["file", "submit", "button", "password"].includes(field.type)) continue;
    if (["csrfmiddlewaretoken", "base_version"].includes(field.name)) continue;
    const list = values.get(field.name) ?? [];
    if (field.type === "checkbox" || field.type === "radio") {
      if (field.checked) list.push(field.value);
    } else if (field.multiple && field.options) {
      list.push(...[...field.selectedOptions].map((option) => option.value));
    } else {
      list.push(field.value);
    }
    values.set(field.name, list);
  }
  return [...values].map(([name, list]) => [name, JSON.stringify(list)]);
}

function restore(form, name, list) {
  const fields = [...form.elements].filter((field) => field.name === name);
  for (const [number, field] of fields.entries()) {
    if (field.type === "checkbox" || field.type === "radio") field.checked = list.includes(field.value);
    else if (field.multiple && field.options) for (const option of field.options) option.selected = list.includes(option.value);
    else field.value = list[number] ?? "";
  }
}
