// The photos: those that fit the filter, in the order that is asked for.
(() => {
  const grid = document.getElementById("grid");
  const all = [...grid.children];
  const words = (item) => [item.dataset.t, ...[...item.querySelectorAll("span[data-w]")].map((s) => s.textContent)];
  const texts = all.map((item) => words(item).join(" ").toLowerCase());
  const [name, label, predicted, order] = ["by-name", "by-class", "by-predicted", "order"].map(
    (id) => document.getElementById(id));
  const shown = document.getElementById("shown");
  let ordered = "";

  const fits = (item, i) => {
    const words = name.value.trim().toLowerCase();
    if (words && !texts[i].includes(words)) return false;
    if (label.value && item.dataset.c !== label.value) return false;
    if (predicted.value === "x") return item.querySelector(".wrong") !== null;
    return !predicted.value || item.dataset.p.split(" ").includes(predicted.value);
  };
  const arrange = () => {
    if (order.value === ordered) return;
    ordered = order.value;
    const key = (item) => (ordered in item.dataset ? Number(item.dataset[ordered]) : Infinity);
    const sorted = ordered
      ? all.map((item) => [key(item), item]).sort(([a], [b]) => (a === b ? 0 : a < b ? -1 : 1))
      : all.map((item) => [0, item]);
    grid.append(...sorted.map(([, item]) => item));
  };
  const apply = () => {
    let count = 0;
    all.forEach((item, i) => {
      const fitting = fits(item, i);
      item.hidden = !fitting;
      count += fitting;
    });
    arrange();
    shown.textContent = `${count} of ${all.length} photos`;
  };
  for (const control of [label, predicted, order]) control.addEventListener("change", apply);
  name.addEventListener("input", apply);
  document.getElementById("filter").hidden = false;
  apply();
  addEventListener("pageshow", apply); // what the reader had chosen before going to a photo's page
})();
