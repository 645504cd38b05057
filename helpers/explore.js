// Swaps the frames of the figure that this script stands in. It reads JSON that
// Explorer._page_data in explore.py writes:
// - lines: the lines of SVG that frames are made of, each once;
// - frames: for each frame, for each of its panels (axes), the runs of lines it
//   is made of, as one flat list of numbers: [start, stop, start, stop, ...];
// - readouts: the text below each frame; empty if no frame has one;
// - texts: for each control, how each of its values is written.
// A control on the page holds the place of its value in texts. The frames are
// in the order of itertools.product: the last control moves fastest.
(() => {
  const figure = document.currentScript.closest("figure");
  const data = figure.querySelector('script[type="application/json"]');
  const { lines, frames, readouts, texts } = JSON.parse(data.textContent);
  const panels = figure.querySelectorAll(".explorer-panel");
  const readout = figure.querySelector(".explorer-readout > output");
  const controls = [...figure.querySelectorAll("input, select")];

  const position = (control) =>
    control.type === "checkbox" ? +control.checked
      : control.type === "range" ? +control.value
      : control.selectedIndex;

  const show = () => {
    let index = 0;
    controls.forEach((control, i) => {
      const at = position(control);
      index = index * texts[i].length + at;
      if (control.type === "range") {
        control.setAttribute("aria-valuetext", texts[i][at]);
        control.nextElementSibling.firstChild.textContent = texts[i][at];
      }
    });
    panels.forEach((panel, i) => {
      const runs = frames[index][i];
      let svg = "";
      for (let k = 0; k < runs.length; k += 2) {
        svg += lines.slice(runs[k], runs[k + 1]).join("");
      }
      panel.innerHTML = svg;
    });
    if (readout) readout.textContent = readouts[index];
  };
  controls.forEach((control) => control.addEventListener("input", show));

  const play = figure.querySelector(".explorer-play");
  if (play) {
    const slider = controls[+play.dataset.control];
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      readout?.removeAttribute("aria-live");
      play.textContent = still.matches ? "Step" : "Play";
    };
    const step = () => {
      slider.value = +slider.value < +slider.max ? +slider.value + 1 : 0;
      show();
      if (timer && +slider.value === +slider.max) stop();
    };
    play.addEventListener("click", () => {
      if (timer) return stop();
      step();
      // A reader who asked for less motion moves one frame at a time.
      if (still.matches || +slider.value === +slider.max) return;
      timer = setInterval(step, +play.dataset.interval);
      play.textContent = "Pause";
      // Nobody wants to hear every frame of a film.
      readout?.setAttribute("aria-live", "off");
    });
    still.addEventListener("change", stop);
    stop();
  }
  figure.querySelector(".explorer-controls").hidden = false;
})();
