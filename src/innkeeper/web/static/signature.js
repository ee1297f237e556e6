// Asks the guest to sign: ink on white, drawn or typed, given back as a PNG.
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const dialog = $("signing");
  if (!dialog) return;
  const canvas = $("pad");
  const typed = $("typed-name");
  let pad = null;
  let answer = () => {};

  function fit() {
    const strokes = pad.toData();
    const ratio = Math.min(Math.max(window.devicePixelRatio || 1, 1), 2);
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    pad.clear();
    pad.fromData(strokes);
  }

  /** Show the pad for `whom` and `total`; resolves to a data URL, or null when it was left unsigned. */
  window.askSignature = (whom, total) =>
    new Promise((resolve) => {
      answer = resolve;
      $("signing-for").textContent = whom;
      $("signing-total").textContent = total;
      $("signing-hint").textContent = "";
      typed.value = "";
      dialog.showModal();
      pad ??= new SignaturePad(canvas, { backgroundColor: "#ffffff", penColor: "#111111", minWidth: 1, maxWidth: 2.8 });
      pad.clear();
      fit();
    });

  function done() {
    const name = typed.value.trim();
    if (pad.isEmpty() && !name) {
      $("signing-hint").textContent = "Sign in the white field first, or type the name.";
      return;
    }
    if (pad.isEmpty()) {
      const pen = canvas.getContext("2d");
      pen.fillStyle = "#111111";
      pen.font = "italic 32px serif";
      pen.textBaseline = "middle";
      pen.fillText(name, 16, canvas.clientHeight / 2, canvas.clientWidth - 32);
    }
    answer(canvas.toDataURL("image/png"));
    dialog.close();
  }

  // However it is closed, by Escape too, somebody waits for the answer; a signature that was given stays given.
  dialog.addEventListener("close", () => answer(null));
  $("pad-close").addEventListener("click", () => dialog.close());
  $("pad-done").addEventListener("click", done);
  $("pad-clear").addEventListener("click", () => {
    pad.clear();
    typed.value = "";
  });
  typed.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    done();
  });
  window.addEventListener("resize", () => dialog.open && fit());
})();
