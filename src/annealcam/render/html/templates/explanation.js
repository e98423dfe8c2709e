
// The strength of the maps over the photos, and the map that is pointed at. Without scripts, all is there to be read.
(() => {
  const root = document.documentElement;
  for (const part of document.querySelectorAll(".controls")) part.hidden = false;
  const strength = document.getElementById("strength");
  const told = document.getElementById("strength-told");
  const set = () => {
    root.style.setProperty("--heat", strength.value / 100);
    told.textContent = `${strength.value} %`;
  };
  strength.addEventListener("input", set);
  set();

  const look = document.querySelector(".look");
  if (!look) return;
  const all = document.getElementById("all");
  const lit = document.getElementById("lit");
  const caption = document.getElementById("stage-told");
  const nodeTold = document.getElementById("node-told");
  const together = caption.textContent;

  const light = (channel) => {
    for (const part of look.querySelectorAll(".lit")) part.classList.remove("lit");
    look.classList.toggle("pointed", channel !== null);
    const card = channel === null ? null : document.getElementById(`map-${channel}`);
    all.hidden = card !== null;
    lit.hidden = card === null;
    lit.src = card ? card.querySelector(".heat").src : "";
    lit.alt = card ? `Where map ${channel} looks, over the photo` : "";
    if (channel === null) caption.textContent = together;
    else caption.textContent = card ? `Map ${channel} alone` : `Map ${channel} is not selected: ${together.toLowerCase()}`;
    const node = channel === null ? null : look.querySelector(`.node[data-map="${channel}"]`);
    if (nodeTold) nodeTold.textContent = node ? node.getAttribute("aria-label") : "";
    if (channel === null) return;
    for (const part of look.querySelectorAll(`[data-map="${channel}"]`)) part.classList.add("lit");
    for (const edge of look.querySelectorAll("[data-ends]")) {
      edge.classList.toggle("lit", edge.dataset.ends.split(" ").includes(channel));
    }
  };
  const mapOf = (target) => target.closest?.("[data-map]")?.dataset.map ?? null;
  const rest = () => light(mapOf(document.activeElement ?? root));
  look.addEventListener("pointerover", (event) => {
    const channel = mapOf(event.target);
    if (channel === null) rest();
    else light(channel);
  });
  look.addEventListener("pointerleave", rest);
  look.addEventListener("focusin", (event) => light(mapOf(event.target)));
  look.addEventListener("focusout", (event) => light(event.relatedTarget ? mapOf(event.relatedTarget) : null));
  addEventListener("keydown", (event) => { if (event.key === "Escape") light(null); });
})();
