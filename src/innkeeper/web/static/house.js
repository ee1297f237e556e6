// What the house's screens do beyond forms and links: dragging stays on the chart, filling in forms by a press.
(() => {
  "use strict";

  const $ = (selector, within = document) => within.querySelector(selector);
  const DAY = 86_400_000;
  const HOLD_MS = 350; // a finger that rests this long means the stay, not the page
  const FAR = 5; // pixels that make a drag of a press
  const EDGE = 10; // pixels at the end of a bar that mean its departure
  const ASK_MS = 120;

  // --- A refused act is drawn where it was sent to; its page has an address of its own ---------------------------
  const address = $("[data-address]")?.dataset.address;
  if (address) history.replaceState(null, "", address);

  // --- On a phone the tab of this page is brought into view -------------------------------------------------------
  $(".house-tab.active")?.scrollIntoView({ block: "nearest", inline: "center" });

  // --- Bars that choose: a changed field of a toolbar shows its result ------------------------------------------
  for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }

  // --- What went wrong is read first; a list stays where it was after an act on it ------------------------------
  const PLACE = "innkeeper.house.place";
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    sessionStorage.setItem(PLACE, JSON.stringify({ path: location.pathname, top: scrollY }));
  });
  const problem = $("[data-focus]");
  const place = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  sessionStorage.removeItem(PLACE);
  if (problem) problem.focus();
  else if (place?.path === location.pathname) scrollTo(0, place.top);

  // --- A new reservation: a press on an offer chooses the type --------------------------------------------------
  document.addEventListener("click", (event) => {
    const offer = event.target.closest("[data-pick-type]");
    if (!offer) return;
    const selects = [...document.querySelectorAll('select[name$=".room_type_id"]')];
    const select = selects.find((each) => !each.value) ?? selects.at(-1);
    if (select) {
      select.value = offer.dataset.pickType;
      select.focus();
    }
  });

  // --- Rates: one press is the first night, the next one the last -----------------------------------------------
  const run = $("#run");
  if (run) {
    let first = null;
    $(".rates").addEventListener("click", (event) => {
      const cell = event.target.closest("td[data-night]");
      if (!cell) return;
      const again = first && first.dataset.type === cell.dataset.type && first.dataset.night <= cell.dataset.night;
      const from = again ? first : cell;
      first = again ? null : cell;
      run.elements.room_type_id.value = cell.dataset.type;
      run.elements.first.value = from.dataset.night;
      run.elements.last.value = cell.dataset.night;
      for (const each of document.querySelectorAll(".rates td[data-night]")) {
        const inside = each.dataset.night >= from.dataset.night && each.dataset.night <= cell.dataset.night;
        each.classList.toggle("is-picked", each.dataset.type === cell.dataset.type && inside);
      }
    });
  }

  // --- The chart ------------------------------------------------------------------------------------------------
  const board = $("#board");
  const drop = $("#drop");
  if (!board || !drop) return;
  const ghost = $("#ghost");
  const note = $("#ghost-note");
  let drag = null;
  let pressed = null;
  let justDragged = false;

  const iso = (time) => new Date(time).toISOString().slice(0, 10);
  const utc = (text) => Date.parse(`${text}T00:00:00Z`);
  const chart = () => $("table.tape", board);

  function columns() {
    const heads = [...chart().querySelectorAll("th[data-night]")];
    const box = heads[0].getBoundingClientRect();
    const end = heads.at(-1).getBoundingClientRect();
    return { left: box.left, width: (end.right - box.left) / heads.length, first: utc(heads[0].dataset.night) };
  }

  function rowAt(x, y) {
    return document.elementFromPoint(x, y)?.closest?.("tr[data-type]") ?? null;
  }

  function begin(press, x, y) {
    const bar = press.bar;
    const rect = bar.getBoundingClientRect();
    let mode = "move";
    if (rect.width > 4 * EDGE && rect.right - press.x < EDGE && !bar.classList.contains("goes-on")) mode = "end";
    drag = {
      bar,
      mode,
      checkIn: utc(bar.dataset.in),
      checkOut: utc(bar.dataset.out),
      from: press,
      home: bar.closest("tr"),
      target: "",
      allowed: false,
    };
    pressed = null;
    bar.classList.add("is-dragged");
    document.body.classList.add("dragging");
    ghost.textContent = bar.textContent.trim().split(",")[0];
    ghost.hidden = note.hidden = false;
    moveTo(x, y);
  }

  function moveTo(x, y) {
    const { left, width, first } = columns();
    const shift = Math.round((x - drag.from.x) / width) * DAY;
    let { checkIn, checkOut } = drag;
    if (drag.mode === "end") checkOut = Math.max(checkIn + DAY, checkOut + shift);
    else if (drag.bar.dataset.inside === undefined) [checkIn, checkOut] = [checkIn + shift, checkOut + shift];
    const row = (drag.mode === "end" ? drag.home : rowAt(x, y)) ?? drag.home;
    const typed = row.dataset.type ?? drag.bar.dataset.type;
    drag.place = { room_type_id: typed, room_id: row.dataset.room ?? "", check_in: iso(checkIn), check_out: iso(checkOut) };

    const box = row.getBoundingClientRect();
    const start = left + ((checkIn - first) / DAY + 0.5) * width;
    const end = left + ((checkOut - first) / DAY + 0.5) * width;
    const card = chart().parentElement.getBoundingClientRect();
    const from = Math.max(start, left);
    const to = Math.min(end, card.right);
    Object.assign(ghost.style, {
      left: `${from}px`, top: `${box.top + 2}px`, width: `${Math.max(8, to - from)}px`, height: `${box.height - 4}px`,
    });
    const below = box.bottom + 8;
    Object.assign(note.style, {
      left: `${Math.max(8, Math.min(from, innerWidth - note.offsetWidth - 8))}px`,
      top: `${below + note.offsetHeight > innerHeight ? box.top - note.offsetHeight - 8 : below}px`,
    });

    const target = JSON.stringify(drag.place);
    if (target === drag.target) return;
    drag.target = target;
    drag.allowed = false;
    ghost.classList.remove("is-refused");
    clearTimeout(drag.timer);
    if (isHome(drag.place)) {
      note.textContent = "Where it is now.";
      return;
    }
    const where = row.dataset.room ? `Room ${row.dataset.number}` : "No room yet";
    note.textContent = `${where}: asking for the price …`;
    const asked = drag;
    drag.timer = setTimeout(() => ask(asked, target, where), ASK_MS);
  }

  function isHome(to) {
    const data = drag.bar.dataset;
    return to.room_type_id === data.type && to.room_id === data.room && to.check_in === data.in && to.check_out === data.out;
  }

  async function ask(asked, target, where) {
    asked.abort?.abort();
    asked.abort = new AbortController();
    let html = "";
    try {
      const query = new URLSearchParams(JSON.parse(target));
      const answer = await fetch(`/house/stays/${asked.bar.dataset.stay}/price?${query}`, { signal: asked.abort.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      html = await answer.text();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (drag === asked && asked.target === target) note.textContent = "The price cannot be told at the moment; nothing was moved.";
      return;
    }
    if (drag !== asked || asked.target !== target) return;
    const strong = document.createElement("strong");
    strong.textContent = where;
    note.innerHTML = html; // our own page's part, escaped by the server
    note.prepend(strong);
    asked.allowed = $(".price", note)?.dataset.allowed === "yes";
    ghost.classList.toggle("is-refused", !asked.allowed);
    if (asked.dropped) finish();
  }

  function finish() {
    const { bar, place: to, allowed } = drag;
    if (allowed) {
      drop.action = `/house/stays/${bar.dataset.stay}/move?${board.dataset.view}`;
      for (const [name, value] of Object.entries(to)) drop.elements[name].value = value;
      drop.elements.version.value = bar.dataset.version;
      ghost.classList.add("is-sent");
      drop.requestSubmit();
      return; // the ghost stays where it was dropped until the page with the answer comes
    }
    const refused = ghost.classList.contains("is-refused");
    cancel(refused);
  }

  function cancel(keepNote = false) {
    if (!drag) return;
    clearTimeout(drag.timer);
    drag.abort?.abort();
    drag.bar.classList.remove("is-dragged");
    document.body.classList.remove("dragging");
    ghost.hidden = true;
    ghost.classList.remove("is-refused");
    if (!keepNote) note.hidden = true;
    else setTimeout(() => { if (!drag) note.hidden = true; }, 4000);
    drag = null;
  }

  board.addEventListener("pointerdown", (event) => {
    const bar = event.target.closest(".bar[data-stay]");
    if (!bar || event.button !== 0 || drag) return;
    note.hidden = true;
    pressed = { bar, x: event.clientX, y: event.clientY, id: event.pointerId, touch: event.pointerType !== "mouse" };
    justDragged = false;
    if (pressed.touch) {
      const press = pressed;
      press.timer = setTimeout(() => { if (pressed === press) begin(press, press.x, press.y); }, HOLD_MS);
    }
  });
  document.addEventListener("pointermove", (event) => {
    if (drag && !drag.dropped) moveTo(event.clientX, event.clientY);
    else if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > FAR) {
      if (pressed.touch) {
        clearTimeout(pressed.timer);
        pressed = null;
      } else begin(pressed, event.clientX, event.clientY);
    }
  });
  document.addEventListener("pointerup", () => {
    clearTimeout(pressed?.timer);
    pressed = null;
    if (!drag || drag.dropped) return;
    justDragged = true;
    if (isHome(drag.place)) cancel();
    else if (drag.allowed || ghost.classList.contains("is-refused")) finish();
    else drag.dropped = true; // the price is not known yet: nothing is moved before it is
  });
  document.addEventListener("pointercancel", () => {
    clearTimeout(pressed?.timer);
    pressed = null;
    if (!drag?.dropped) cancel();
  });
  // A finger that drags a stay does not scroll the page.
  document.addEventListener("touchmove", (event) => { if (drag) event.preventDefault(); }, { passive: false });
  board.addEventListener("contextmenu", (event) => { if (drag || pressed?.touch) event.preventDefault(); });
  board.addEventListener("dragstart", (event) => event.preventDefault());
  board.addEventListener("click", (event) => {
    if (justDragged && event.target.closest(".bar")) event.preventDefault();
    else newAt(event);
    justDragged = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
    const bar = document.activeElement?.closest?.(".bar[data-stay]");
    if (bar && event.key.toLowerCase() === "m" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      location.href = `/house/stays/${bar.dataset.stay}/move?${board.dataset.view}`;
    }
  });
  window.addEventListener("pageshow", () => {
    cancel();
    ghost.classList.remove("is-sent");
  });

  // A press on a free night of a room starts a reservation there.
  function newAt(event) {
    const cell = event.target.closest("td.gap");
    const row = cell?.closest("tr[data-type]");
    if (!row) return;
    const { left, width, first } = columns();
    const night = iso(first + Math.floor((event.clientX - left) / width) * DAY);
    if (night < chart().dataset.today) return;
    const query = new URLSearchParams({ check_in: night, check_out: iso(utc(night) + DAY), type: row.dataset.type });
    if (row.dataset.room) query.set("room", row.dataset.number);
    location.href = `/house/reservations/new?${query}`;
  }

  // --- The chart keeps itself fresh, but never under a hand -----------------------------------------------------
  let version = JSON.parse(board.getAttribute("hx-vals")).version;
  board.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === board && (drag || pressed)) event.preventDefault();
  });
  board.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target !== board) return;
    if (drag || pressed) event.detail.shouldSwap = false;
    version = event.detail.xhr.getResponseHeader("X-Board-Version") ?? version;
    if (event.detail.shouldSwap) board.setAttribute("hx-vals", JSON.stringify({ version }));
  });
})();
