// What the pages of room charge share: printing, refusals shown where one looks, and words that survive a reload.
(() => {
  "use strict";

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-print]")) window.print();
  });

  // What is closed on the screen is open on paper.
  window.addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll("details.more")) box.open = true;
  });

  // A refusal comes as the page with the reason in it, and takes its place like any answer.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400 && (xhr.getResponseHeader("content-type") ?? "").startsWith("text/html")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:afterSettle", () => document.getElementById("wrong")?.scrollIntoView({ block: "center" }));

  // Progress where the finger is.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const button = event.detail.requestConfig?.triggeringEvent?.submitter;
    button?.classList.add("is-working");
    button?.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    for (const button of event.detail.elt.querySelectorAll?.(".is-working") ?? []) {
      button.classList.remove("is-working");
      button.removeAttribute("aria-busy");
    }
  });

  // A reason that was typed is there again after a reload, until the act is done.
  const KEY = `innkeeper.typed.${location.pathname}`;
  const read = () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    } catch {
      return {};
    }
  };
  document.addEventListener("input", (event) => {
    if (!event.target.matches?.("[data-kept]")) return;
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ ...read(), [event.target.id]: event.target.value }));
    } catch {
      // A browser that keeps nothing.
    }
  });
  for (const [id, value] of Object.entries(read())) {
    const box = document.getElementById(id);
    if (box && !box.value) box.value = value;
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.requestConfig?.verb === "post") sessionStorage.removeItem(KEY);
  });
})();
