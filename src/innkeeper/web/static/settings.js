// The settings: says what is not saved, keeps a person from losing it, and shows the fields of the chosen PMS.
(() => {
  "use strict";

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".settings-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    const first = document.querySelector("[aria-invalid='true']");
    if (first) first.focus();

    for (const form of document.querySelectorAll("form.whole")) {
      // A form that came back with mistakes is not saved either.
      let unsaved = form.hasAttribute("data-came-back");
      const word = form.querySelector("[data-unsaved]");
      const show = () => word && (word.hidden = !unsaved);
      show();
      form.addEventListener("input", () => {
        unsaved = true;
        show();
      });
      form.addEventListener("submit", () => (unsaved = false));
      window.addEventListener("beforeunload", (event) => {
        if (unsaved) event.preventDefault();
      });
    }

    const kind = document.querySelector("[data-chooses]");
    const choose = () => {
      for (const part of document.querySelectorAll("[data-for]")) {
        const wanted = part.dataset.for.split(" ").includes(kind.value);
        part.hidden = !wanted;
        for (const field of part.querySelectorAll("input, select, textarea")) field.disabled = !wanted;
      }
    };
    if (kind) {
      kind.addEventListener("change", choose);
      choose();
    }
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copies);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C"; // the text is selected
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const asked of document.querySelectorAll("details.ask[open]")) asked.open = false;
  });
})();
