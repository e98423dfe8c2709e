// Cards in the order of a value; what is unknown stays last, and equal ones keep their order.
(() => {
  const list = document.querySelector(".photos");
  const cards = [...list.children];
  const order = document.getElementById("order");
  order.closest("p").hidden = false;
  const down = new Set(["maps", "warnings"]);
  const compare = (name) => (a, b) => {
    const [x, y] = [a.dataset[name], b.dataset[name]];
    if (x === "" || y === "") return (x === "") - (y === "");
    if (name === "class") return x.localeCompare(y, "en", { numeric: true });
    return down.has(name) ? y - x : x - y;
  };
  const sort = () => {
    const name = order.value;
    list.append(...(name === "name" ? cards : [...cards].sort(compare(name))));
  };
  order.addEventListener("change", sort);
  sort();
})();
