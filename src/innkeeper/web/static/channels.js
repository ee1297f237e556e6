// The screens of the channel: filters that act when chosen, and the chart of what runs cost.
(() => {
  "use strict";

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // A question that was opened closes again with Escape or a press elsewhere.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const asked of document.querySelectorAll("details.ask[open]")) {
      asked.open = false;
      asked.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const asked of document.querySelectorAll("details.ask[open]")) {
      if (!asked.contains(event.target)) asked.open = false;
    }
  });

  // A part that does not come says so where it should have stood.
  for (const kind of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(kind, (event) => {
      const part = event.detail.elt;
      if (!part.hasAttribute?.("data-arriving")) return;
      const box = document.createElement("div");
      box.className = "card card-body";
      box.setAttribute("role", "alert");
      const again = document.createElement("a");
      again.className = "btn mt-2";
      again.href = location.href;
      again.textContent = "Ask again";
      box.append("This part did not come. Everything else on the page is right.", document.createElement("br"), again);
      part.replaceChildren(box);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

    const canvas = document.querySelector("canvas[data-chart='runs']");
    if (!canvas || !window.Chart) return;
    const rows = [...document.querySelectorAll("#runs tbody tr")].reverse();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const text = getComputedStyle(document.body).color;
    new window.Chart(canvas, {
      data: {
        labels: rows.map((row) => new Date(row.dataset.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })),
        datasets: [
          { type: "bar", label: "Requests", data: rows.map((row) => Number(row.dataset.requests)), backgroundColor: colour("--on-its-way"), yAxisID: "requests", maxBarThickness: 36, order: 2 },
          { type: "line", order: 1, label: "Seconds", data: rows.map((row) => Number(row.dataset.seconds)), borderColor: colour("--needs-you"), backgroundColor: colour("--needs-you"), borderDash: [6, 4], yAxisID: "seconds" },
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        plugins: { legend: { labels: { color: text } } },
        scales: {
          x: { ticks: { color: text, maxTicksLimit: 8 }, grid: { display: false } },
          requests: { position: "left", beginAtZero: true, title: { display: true, text: "Requests", color: text }, ticks: { color: text, precision: 0 } },
          seconds: { position: "right", beginAtZero: true, title: { display: true, text: "Seconds", color: text }, ticks: { color: text }, grid: { display: false } },
        },
      },
    });
  });
})();
