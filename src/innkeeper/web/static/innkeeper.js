// What every page does: proves its requests, presses a button once, says when the connection is lost, refreshes itself.
(() => {
  "use strict";

  const $ = (selector) => document.querySelector(selector);
  const csrf = $('meta[name="csrf-token"]')?.content ?? "";

  // --- Every request of ours proves that it is ours -------------------------------------------------------------
  document.addEventListener("htmx:configRequest", (event) => {
    if (csrf) event.detail.headers["X-CSRF-Token"] = csrf;
  });

  // --- A pressed button cannot be pressed again until it is known what became of it -----------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-once")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll('button[type="submit"]')) {
      button.classList.add("is-working");
      button.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll(".is-working")) {
        button.classList.remove("is-working");
        button.removeAttribute("aria-busy");
      }
    }
  });

  // --- A lost connection: a thin bar that says since when and what is kept --------------------------------------
  const bar = $("#connection");
  let lostSince = null;
  let probe = null;

  const clock = (moment) => moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  function lost() {
    if (lostSince) return;
    lostSince = new Date();
    bar.textContent = `No connection since ${clock(lostSince)}. You see the state of then; what was saved is safe. Trying again …`;
    bar.hidden = false;
    probe = setInterval(async () => {
      try {
        const answer = await fetch("/healthz", { cache: "no-store" });
        if (answer.ok) found();
      } catch {
        // Still lost; the bar says so already.
      }
    }, 3000);
  }

  function found() {
    if (!lostSince) return;
    lostSince = null;
    clearInterval(probe);
    bar.hidden = true;
    bar.textContent = "";
    refreshAll();
  }

  window.addEventListener("offline", lost);
  window.addEventListener("online", () => lostSince && refreshAll());
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr?.status > 0) found();
  });

  // --- An answer that is an error says so where one looks -------------------------------------------------------
  function say(title, text, small) {
    const box = document.createElement("div");
    box.className = "alert alert-danger alert-dismissible message";
    const body = document.createElement("div");
    const strong = document.createElement("strong");
    strong.textContent = title;
    const sentence = document.createElement("div");
    sentence.textContent = text;
    const code = document.createElement("div");
    code.className = "small-print";
    code.textContent = small;
    body.append(strong, sentence, code);
    const close = document.createElement("button");
    close.className = "btn-close";
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => box.remove());
    box.append(body, close);
    $("#messages").replaceChildren(box);
  }

  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if (xhr.status === 401) return; // leads to the sign-in by itself
    let problem = {};
    try {
      problem = JSON.parse(xhr.responseText);
    } catch {
      // Not ours, such as a proxy's page; the status has to do.
    }
    say(
      problem.title ?? "That did not work",
      [problem.detail, problem.action].filter(Boolean).join(" ") || "Nothing was lost. Try again in a moment.",
      `${xhr.status} ${problem.code ?? ""} ${problem.request_id ? `· request ${problem.request_id}` : ""}`,
    );
  });

  // --- Parts that keep themselves fresh, only while somebody looks ----------------------------------------------
  function refreshAll() {
    for (const part of document.querySelectorAll("[data-refresh-ms]")) {
      if (!document.hidden && window.htmx) window.htmx.trigger(part, "refresh");
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const part of document.querySelectorAll("[data-refresh-ms]")) {
      setInterval(() => {
        if (!document.hidden && !lostSince && window.htmx) window.htmx.trigger(part, "refresh");
      }, Number(part.dataset.refreshMs));
    }
  });
  document.addEventListener("visibilitychange", refreshAll);

  // --- The names that have signed in at this terminal, for one tap ----------------------------------------------
  const NAMES = "innkeeper.names";
  const MOST = 8;

  function knownNames() {
    try {
      const names = JSON.parse(localStorage.getItem(NAMES) ?? "[]");
      return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
    } catch {
      return [];
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const caller = document.body.dataset.caller;
    if (caller) {
      try {
        localStorage.setItem(NAMES, JSON.stringify([caller, ...knownNames().filter((n) => n !== caller)].slice(0, MOST)));
      } catch {
        // A browser that keeps nothing: the name is typed next time.
      }
    }
    const chips = $("[data-names-for]");
    if (!chips) return;
    for (const name of knownNames()) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn";
      button.textContent = name;
      button.addEventListener("click", () => {
        document.getElementById(chips.dataset.namesFor).value = name;
        document.getElementById(chips.dataset.then).focus();
      });
      chips.append(button);
    }
    chips.hidden = !chips.children.length;
  });
})();
