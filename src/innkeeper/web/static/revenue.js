// Draws the revenue of the table behind it, in the colours of the page.
(() => {
  "use strict";

  let chart = null;

  function draw() {
    const table = document.getElementById("revenue-table");
    const canvas = document.getElementById("revenue-chart");
    if (!table || !canvas) return;
    const dark = document.documentElement.dataset.bsTheme === "dark";
    const text = getComputedStyle(document.body).color;
    const lines = dark ? "rgb(255 255 255 / .12)" : "rgb(0 0 0 / .1)";
    // Apart in lightness as well as in hue, for those who cannot tell the hues.
    const colours = dark
      ? ["#3bc9db", "#ffd43b", "#b197fc", "#ff922b", "#8ce99a", "#dee2e6"]
      : ["#0b7285", "#f08c00", "#5f3dc4", "#c92a2a", "#2b8a3e", "#495057"];
    const rows = [...table.querySelectorAll("tbody tr")];
    const datasets = [...table.querySelectorAll("th[data-outlet]")].map((head, n) => ({
      label: head.textContent,
      data: rows.map((row) => Number(row.querySelectorAll("[data-amount]")[n].dataset.amount)),
      backgroundColor: colours[n % colours.length],
      borderWidth: 0,
    }));
    const money = new Intl.NumberFormat("en-US", { style: "currency", currency: table.dataset.currency });
    chart?.destroy();
    chart = new Chart(canvas, {
      type: "bar",
      data: { labels: rows.map((row) => row.dataset.day), datasets },
      options: {
        maintainAspectRatio: false,
        animation: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { stacked: true, grid: { display: false }, ticks: { color: text } },
          y: { stacked: true, grid: { color: lines }, ticks: { color: text, callback: (value) => money.format(value) } },
        },
        plugins: {
          legend: { labels: { color: text } },
          tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${money.format(item.raw)}` } },
        },
      },
    });
  }

  document.addEventListener("htmx:afterSettle", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
})();
