// Tables that sort by a column: a button in every header; what is unknown stays last.
(() => {
  const key = (row, i) => {
    const cell = row.cells[i];
    if (cell.dataset.v === undefined) return cell.textContent;
    return cell.dataset.v === "" ? null : Number(cell.dataset.v);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
  const sort = (table, i, sign) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, i), row]);
    const known = rows.filter(([k]) => k !== null).sort(([a], [b]) => sign * compare(a, b));
    const unknown = rows.filter(([k]) => k === null);
    body.append(...[...known, ...unknown].map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sorts")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(table, i, up ? 1 : -1);
      });
    });
  }
})();
