// The charge terminal: one button that always does the next act, and a check that survives reload and a lost connection.
(() => {
  "use strict";

  const DRAFT = "innkeeper.pos.draft";
  const OUTLET = "innkeeper.pos.outlet";
  const ASK_AGAIN_MS = 3000;
  /** Never kept: secrets, and what the press of the button itself says. */
  const NOT_KEPT = new Set(["csrf_token", "key_card", "guest_confirmed", "override_credit", "allow_repeat"]);
  const AMOUNTS = ["subtotal", "tip", "tax", "service_charge", "delivery_charge"];

  const till = document.getElementById("till");
  if (!till) return;
  const $ = (id) => document.getElementById(id);
  const field = (name) => till.elements.namedItem(name);
  const act = $("act");
  const guestPanel = $("guest");
  const outcome = $("outcome");
  const emptyPanel = guestPanel.innerHTML;
  const digits = Number(till.dataset.digits);

  let lookedUp = null; // the room as it was typed when it was looked up
  let sending = false;
  let sent = false; // the check has left this terminal and no answer has come
  let lookingUp = false;
  let then = null; // what goes on once a look-up has answered
  let asking = null;
  let signedFor = "";

  // --- Amounts, in the currency's smallest unit ---------------------------------------------------------------------
  function units(text) {
    const plain = text.trim().replaceAll(" ", "").replace(",", ".");
    if (plain === "") return 0;
    const match = /^(\d{1,12})(?:\.(\d*))?$/.exec(plain);
    if (!match || (match[2] ?? "").length > digits) return null;
    return Number(match[1]) * 10 ** digits + Number((match[2] ?? "").padEnd(digits, "0") || "0");
  }
  const written = (amount) => (amount / 10 ** digits).toFixed(digits);
  const money = (amount) =>
    new Intl.NumberFormat("en-US", { style: "currency", currency: till.dataset.currency }).format(amount / 10 ** digits);

  function total() {
    let sum = 0;
    for (const name of AMOUNTS) {
      const amount = units(field(name).value);
      if (amount === null) return null;
      sum += amount;
    }
    return sum;
  }

  // --- What was typed is kept in this tab -----------------------------------------------------------------------------
  function keep() {
    const values = {};
    for (const element of till.elements) {
      if (!element.name || NOT_KEPT.has(element.name) || element.name === "reservation_id") continue;
      if (element.type === "radio") {
        if (element.checked) values[element.name] = element.value;
      } else if (element.type === "checkbox") values[element.name] = element.checked;
      else values[element.name] = element.value;
    }
    values.reservation_id = chosen()?.value ?? kept()?.values.reservation_id ?? "";
    store(DRAFT, JSON.stringify({ values, sent, signedFor }), sessionStorage);
  }
  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    } catch {
      return null;
    }
  }
  function store(key, value, where) {
    try {
      where.setItem(key, value);
    } catch {
      // A browser that keeps nothing: the check is typed again after a reload.
    }
  }
  const forget = () => sessionStorage.removeItem(DRAFT);

  function restore() {
    const draft = kept();
    const given = new URLSearchParams(location.search).get("reference");
    if (draft && (!given || given === draft.values.reference)) {
      for (const [name, value] of Object.entries(draft.values)) {
        const element = field(name);
        if (!element) continue;
        if (element instanceof RadioNodeList) for (const one of element) one.checked = one.value === value;
        else if (element.type === "checkbox") element.checked = value;
        else if (element.type === "radio") element.checked = element.value === value;
        else element.value = value;
      }
      sent = draft.sent;
      signedFor = draft.signedFor ?? "";
      for (const box of till.querySelectorAll("details.more")) {
        if ([...box.querySelectorAll("input")].some((e) => (e.type === "checkbox" ? e.checked : e.value))) box.open = true;
      }
    }
    const outlets = [...till.querySelectorAll('input[name="outlet"]')];
    if (outlets.length && !outlets.some((one) => one.checked)) {
      const last = localStorage.getItem(OUTLET);
      const same = outlets.find((one) => one.value === last);
      if (same) same.checked = true;
    }
    delivery();
  }

  // --- What the button does next --------------------------------------------------------------------------------------
  const found = () => guestPanel.querySelector("[data-found]");
  function chosen() {
    const choices = [...guestPanel.querySelectorAll('[name="reservation_id"]')];
    return choices.length === 1 && choices[0].type === "hidden" ? choices[0] : choices.find((one) => one.checked);
  }
  function needsSignature() {
    if (!("signatureAbove" in till.dataset)) return false;
    const part = field("split").checked ? units(field("room_amount").value) : null;
    const sum = part || total(); // the guest signs for what goes to the room
    return sum !== null && sum > Math.round(Number(till.dataset.signatureAbove) * 10 ** digits);
  }
  function signingKey() {
    return [total(), field("room").value.trim(), chosen()?.value ?? ""].join("|");
  }
  const isSigned = () => Boolean(field("signature").value) && signedFor === signingKey();

  function draw() {
    const sum = total();
    $("total").textContent = sum === null ? "—" : money(sum);
    const guest = chosen();
    const signed = isSigned();
    $("signed").hidden = !signed;
    $("sign-now").hidden = signed || guest?.dataset.verdict !== "yes" || !sum;
    for (const name of AMOUNTS) {
      field(name).setCustomValidity(units(field(name).value) === null ? "Write it like 105.00." : "");
    }
    if (sending) return;
    act.textContent = label(sum, guest, signed);
  }
  function label(sum, guest, signed) {
    if (sent) return "Try again";
    if (!found()) return lookingUp ? "Looking up …" : "Look up room";
    if (!guest) return "Choose the guest";
    if (guest.dataset.verdict === "no") return "Look up again";
    const room = found().dataset.room;
    if (!sum) return `Post to room ${room}`;
    const part = field("split").checked ? units(field("room_amount").value) : sum;
    const amount = field("split").checked && !part ? "what fits" : money(part ?? 0);
    if (found().hasAttribute("data-away")) return `Add ${amount} to the queue`;
    return needsSignature() && !signed ? `Sign and post ${amount}` : `Post ${amount} to room ${room}`;
  }

  function step() {
    if (sending) return;
    if (lookingUp) {
      then = step;
      return;
    }
    const guest = chosen();
    if (!sent) {
      if (!found() || guest?.dataset.verdict === "no") return lookUp();
      if (!guest) return guestPanel.querySelector('[name="reservation_id"]')?.focus();
    }
    if (!till.reportValidity()) return;
    if (!total()) {
      field("subtotal").setCustomValidity("Enter the amount of the check.");
      field("subtotal").reportValidity();
      field("subtotal").setCustomValidity("");
      return;
    }
    if (needsSignature() && !isSigned() && !sent) return openPad();
    charge();
  }

  function lookUp() {
    if (!field("room").value.trim()) {
      field("room").focus();
      return;
    }
    field("override_credit").value = field("allow_repeat").value = "false";
    htmx.trigger($("look-up"), "lookup");
  }
  function recheck() {
    if (found() && !sent) htmx.trigger($("recheck"), "recheck");
  }

  function charge() {
    if (sending) return;
    sending = sent = true;
    clearInterval(asking);
    if (!isSigned()) field("signature").value = "";
    field("guest_confirmed").value = "true";
    keep();
    outcome.replaceChildren();
    act.classList.add("is-working");
    act.setAttribute("aria-busy", "true");
    act.textContent = "Posting …";
    for (const section of till.querySelectorAll("section")) section.inert = true;
    htmx.trigger(till, "charge");
  }
  function answered() {
    sending = false;
    act.classList.remove("is-working");
    act.removeAttribute("aria-busy");
    for (const section of till.querySelectorAll("section")) section.inert = false;
    keep();
    draw();
  }

  // --- A lost connection while charging -----------------------------------------------------------------------------
  function lost() {
    outcome.replaceChildren($("lost-charge").content.cloneNode(true));
    outcome.querySelector("[data-reference]").textContent = field("reference").value;
    outcome.scrollIntoView({ block: "nearest" });
    clearInterval(asking);
    asking = setInterval(askFate, ASK_AGAIN_MS);
    askFate();
  }
  async function askFate() {
    if (sending) return;
    let posting;
    try {
      const answer = await fetch(`/pos/known?reference=${encodeURIComponent(field("reference").value)}`, { cache: "no-store" });
      if (!answer.ok) return;
      ({ posting } = await answer.json());
    } catch {
      return; // still lost; it is asked again
    }
    if (sending) return;
    if (posting) {
      clearInterval(asking);
      forget();
      location.replace(`/pos/${posting}`);
      return;
    }
    const fate = outcome.querySelector("[data-fate]");
    if (fate) fate.textContent = "It has not arrived at Innkeeper so far.";
  }

  // --- The signature --------------------------------------------------------------------------------------------------
  async function openPad() {
    const tip = units(field("tip").value) || 0;
    const part = field("split").checked ? units(field("room_amount").value) : null;
    const image = await askSignature(
      `Room ${found()?.dataset.room ?? field("room").value} · ${chosen()?.dataset.name ?? ""}`,
      `Total ${money(total())}${tip ? ` (incl. ${money(tip)} tip)` : ""}` +
        (field("split").checked ? `, to the room ${part ? money(part) : "what the limit allows"}` : ""),
    );
    if (!image) return act.focus();
    field("signature").value = image;
    signedFor = signingKey();
    draw();
    step();
  }
  $("sign-now").addEventListener("click", openPad);
  $("unsign").addEventListener("click", () => {
    field("signature").value = signedFor = "";
    keep();
    draw();
  });

  // --- Typing ---------------------------------------------------------------------------------------------------------
  function delivery() {
    const outlet = till.querySelector('input[name="outlet"]:checked');
    const box = field("delivery_charge");
    if (outlet?.dataset.delivery && !box.value) {
      box.value = written(Math.round(Number(outlet.dataset.delivery) * 10 ** digits));
      box.dataset.bySetting = "yes";
      box.closest("details").open = true;
    } else if (!outlet?.dataset.delivery && box.dataset.bySetting) {
      box.value = "";
      delete box.dataset.bySetting;
    }
  }
  till.addEventListener("input", (event) => {
    if (event.target.name === "delivery_charge") delete event.target.dataset.bySetting;
    if (event.target.name === "room" && lookedUp !== null && event.target.value.trim() !== lookedUp) {
      lookedUp = null;
      guestPanel.innerHTML = emptyPanel;
      outcome.replaceChildren();
    }
    keep();
    draw();
  });
  till.addEventListener("change", (event) => {
    const name = event.target.name;
    if (name === "outlet") {
      store(OUTLET, event.target.value, localStorage);
      delivery();
    }
    if (name === "split" || name === "room_amount" || name === "outlet" || name === "check_number" || AMOUNTS.includes(name)) recheck();
    keep();
    draw();
  });
  till.addEventListener("submit", (event) => {
    event.preventDefault();
    if (document.activeElement?.name === "key_card") return readCard();
    step();
  });
  $("look-up").addEventListener("click", lookUp);
  field("room").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || found()) return;
    event.preventDefault();
    lookUp();
  });

  // --- Key cards: the reader types and presses Enter --------------------------------------------------------------------
  function readCard() {
    if (!$("key-card").value) return;
    htmx.trigger($("key-card"), "card");
    $("key-card").value = "";
  }
  $("scan")?.addEventListener("click", () => {
    const box = $("card-box");
    box.hidden = !box.hidden;
    $("scan").setAttribute("aria-expanded", String(!box.hidden));
    if (!box.hidden) $("key-card").focus();
  });

  // --- Buttons that come with an answer -----------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button, a");
    if (!button) return;
    const data = button.dataset;
    if ("tip" in data) {
      const amount = units(field("subtotal").value);
      if (amount === null) return field("subtotal").focus();
      field("tip").value = data.tip === "0" ? "" : written(Math.round((amount * Number(data.tip)) / 100));
      field("tip").dispatchEvent(new Event("input", { bubbles: true }));
      field("tip").dispatchEvent(new Event("change", { bubbles: true }));
    } else if ("lookUp" in data) lookUp();
    else if ("again" in data) charge();
    else if ("repeat" in data) {
      field("allow_repeat").value = "true";
      outcome.replaceChildren();
      charge();
    } else if ("override" in data) {
      field("override_credit").value = "true";
      outcome.replaceChildren();
      then = step;
      recheck();
    } else if ("split" in data) {
      $("split-box").open = true;
      field("split").checked = true;
      outcome.replaceChildren();
      recheck();
      keep();
      draw();
      field("room_amount").focus();
    } else if ("handOver" in data) handOver(button);
    else if ("end" in data) forget();
    else if ("wrong" in data) {
      event.preventDefault();
      $(data.wrong)?.focus();
      $(data.wrong)?.scrollIntoView({ block: "center" });
    } else if (button.id === "cancel") {
      if (sent && !window.confirm("This check was sent and no answer has come. Leave it and look at the postings later?")) {
        event.preventDefault();
        return;
      }
      forget();
    }
  });
  async function handOver(button) {
    button.disabled = true;
    keep();
    try {
      await fetch("/sign-out", { method: "POST", headers: { "X-CSRF-Token": field("csrf_token").value }, redirect: "manual" });
    } catch {
      button.disabled = false;
      return;
    }
    location.assign(`/sign-in?method=pin&next=${encodeURIComponent(`/pos?room=${encodeURIComponent(field("room").value)}`)}`);
  }

  // --- Answers --------------------------------------------------------------------------------------------------------
  const isPage = (xhr) => (xhr.getResponseHeader("content-type") ?? "").startsWith("text/html");
  const isLookUp = (element) => ["look-up", "recheck", "key-card"].includes(element.id);

  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (!isLookUp(element)) return;
    lookingUp = true;
    if (element.id === "recheck") return;
    lookedUp = field("room").value.trim();
    const loading = $("guest-loading").content.cloneNode(true);
    loading.querySelector("[data-room]").textContent = element.id === "look-up" ? lookedUp : "of the card";
    guestPanel.replaceChildren(loading);
    outcome.replaceChildren();
    draw();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // A refusal is an answer like another: it is shown where one looks.
    const { xhr, target } = event.detail;
    if (xhr.status >= 400 && isPage(xhr) && (target === guestPanel || target === outcome)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === guestPanel) guestShown(event.detail.elt ?? event.target);
    if (event.detail.target === outcome) refusedShown();
  });
  function guestShown() {
    const panel = found();
    if (panel) {
      if (!field("room").value.trim() || lookedUp !== field("room").value.trim()) field("room").value = panel.dataset.room;
      lookedUp = field("room").value.trim();
      const before = kept()?.values.reservation_id;
      for (const one of guestPanel.querySelectorAll('input[type="radio"]')) if (one.value === before) one.checked = true;
      if ($("card-box")) $("card-box").hidden = true;
    }
    keep();
    draw();
  }
  function refusedShown() {
    const card = outcome.querySelector("[data-code]");
    if (!card) return;
    for (const wrong of outcome.querySelectorAll("[data-wrong]")) $(wrong.dataset.wrong)?.setAttribute("aria-invalid", "true");
    card.scrollIntoView({ block: "nearest" });
    card.querySelector("h2")?.focus({ preventScroll: true });
    if (card.dataset.code === "SIGNATURE_REQUIRED") openPad();
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr } = event.detail;
    if (isLookUp(elt)) {
      lookingUp = false;
      if (!xhr || xhr.status === 0) {
        // A recheck that fails leaves the guest as he was shown; the rules are asked again by the charge itself.
        if (elt.id !== "recheck") guestPanel.replaceChildren($("lost-lookup").content.cloneNode(true));
      } else if (xhr.status >= 400 && !isPage(xhr) && elt.id !== "recheck") guestPanel.innerHTML = emptyPanel;
      draw();
      const next = then;
      then = null;
      if (next && found()) next();
    } else if (elt === till) {
      if (!xhr || xhr.status === 0) {
        answered();
        lost();
      } else if (xhr.status >= 400) {
        sent = !isPage(xhr) && xhr.status >= 500;
        answered();
        if (sent) lost();
      }
    }
  });
  document.addEventListener("pos:charged", () => {
    clearInterval(asking);
    forget();
    document.querySelector(".result-title")?.focus({ preventScroll: true });
  });

  restore();
  draw();
  if (sent) lost();
})();
