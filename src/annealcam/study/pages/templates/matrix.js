// The class overlap matrices: one is shown at a time; a pair that is pointed at is told in words.
(() => {
  const told = document.getElementById("overlaps");
  if (!told) return;
  const panels = JSON.parse(told.textContent);
  const table = document.getElementById("matrix");
  const readout = document.getElementById("readout");
  const groups = [...document.querySelectorAll("fieldset.small")];
  const choice = document.getElementById("panel");
  const MOST_NUMBERED = 16;
  const STEPS = 64;
  let panel, matrix, at = [0, 0];

  const place = (a, b) => (Math.max(a, b) * (Math.max(a, b) + 1)) / 2 + Math.min(a, b);
  const sentence = (a, b) => {
    const i = place(a, b), value = matrix.values[i], names = panel.classes;
    const pair = a === b ? `${names[a]} with itself` : `${names[a]} and ${names[b]}`;
    if (value === null) return `${pair}: no overlap is known`;
    const ends = matrix.low[i] === null
      ? "" : ` (95 % interval ${matrix.low[i].toFixed(3)} to ${matrix.high[i].toFixed(3)})`;
    return `${pair}: ${value.toFixed(3)}${ends}`;
  };
  const element = (name, text) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const cell = (a, b) => {
    const value = matrix.values[place(a, b)], made = element("td");
    made.className = value === null ? "none" : `c${Math.round(value * STEPS)}`;
    if (value !== null && panel.classes.length <= MOST_NUMBERED) made.textContent = value.toFixed(2);
    made.dataset.at = `${a} ${b}`;
    made.tabIndex = -1;
    made.setAttribute("aria-label", sentence(a, b));
    return made;
  };
  const build = () => {
    const n = panel.classes.length;
    table.style.setProperty("--n", n);
    table.caption.textContent = `${panel.name}: ${matrix.name}, mean ${matrix.mean}`;
    const head = element("tr");
    head.append(element("td"));
    const body = [];
    panel.classes.forEach((name, a) => {
      const top = element("th", name), row = element("tr"), side = element("th", name);
      top.scope = "col";
      side.scope = "row";
      side.title = top.title = name;
      head.append(top);
      row.append(side);
      for (let b = 0; b < n; b++) row.append(cell(a, b));
      body.push(row);
    });
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(...body);
    at = [Math.min(at[0], n - 1), Math.min(at[1], n - 1)];
    find(at).tabIndex = 0;
  };
  const find = ([a, b]) => table.tBodies[0].rows[a].cells[b + 1];
  const tell = (td) => {
    const [a, b] = td.dataset.at.split(" ").map(Number);
    readout.textContent = sentence(a, b);
    for (const lit of table.querySelectorAll(".lit")) lit.classList.remove("lit");
    table.tHead.rows[0].cells[b + 1].classList.add("lit");
    table.tBodies[0].rows[a].cells[0].classList.add("lit");
    return [a, b];
  };
  const show = () => {
    const number = groups.length > 1 ? Number(choice.value) : 0;
    groups.forEach((group, i) => { group.hidden = i !== number; });
    panel = panels[number];
    matrix = panel.matrices[Number(groups[number].querySelector("input:checked").value)];
    build();
    readout.textContent = "Point at a pair of classes to read its overlap.";
  };

  table.addEventListener("pointerover", (event) => {
    const td = event.target.closest("td[data-at]");
    if (td) tell(td);
  });
  table.addEventListener("focusin", (event) => {
    const td = event.target.closest("td[data-at]");
    if (!td) return;
    find(at).tabIndex = -1;
    at = tell(td);
    td.tabIndex = 0;
  });
  const STEPS_OF = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  table.addEventListener("keydown", (event) => {
    const n = panel.classes.length, step = STEPS_OF[event.key];
    const to = step ? at.map((x, i) => x + step[i])
      : event.key === "Home" ? [at[0], 0] : event.key === "End" ? [at[0], n - 1] : null;
    if (!to) return;
    event.preventDefault();
    find(to.map((x) => Math.min(n - 1, Math.max(0, x)))).focus();
  });
  for (const group of groups) group.addEventListener("change", show);
  choice.addEventListener("change", show);
  document.getElementById("panel-choice").hidden = groups.length < 2;
  show();
  addEventListener("pageshow", show);
})();
