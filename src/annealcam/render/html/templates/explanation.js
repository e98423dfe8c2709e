
// The opacity of the maps over the photos, and the highlighted map. Without scripts, the page is complete but static.
(() => {
  const root = document.documentElement;
  for (const part of document.querySelectorAll(".controls")) part.hidden = false;
  const strength = document.getElementById("strength");
  const output = document.getElementById("strength-value");
  const set = () => {
    root.style.setProperty("--heat", strength.value / 100);
    output.textContent = `${strength.value} %`;
  };
  strength.addEventListener("input", set);
  set();

  const maps = document.querySelector(".maps");
  if (!maps) return;
  const all = document.getElementById("all");
  const lit = document.getElementById("lit");
  const caption = document.getElementById("stage-text");
  const nodeText = document.getElementById("node-text");
  const together = caption.textContent;
  const ground = maps.querySelector(".stage .photo");

  const light = (channel) => {
    for (const part of maps.querySelectorAll(".lit")) part.classList.remove("lit");
    maps.classList.toggle("pointed", channel !== null);
    const card = channel === null ? null : document.getElementById(`map-${channel}`);
    all.hidden = card !== null;
    lit.hidden = card === null;
    lit.src = card ? card.querySelector(".heat").src : "";
    ground.style.backgroundImage = card?.querySelector(".photo").style.backgroundImage ?? "";
    lit.alt = card ? card.querySelector(".heat").alt : "";
    if (channel === null) caption.textContent = together;
    else caption.textContent = card ? `Map ${channel} alone` : `Map ${channel} is not selected; shown: ${together.toLowerCase()}`;
    const node = channel === null ? null : maps.querySelector(`.node[data-map="${channel}"]`);
    if (nodeText) nodeText.textContent = node ? node.getAttribute("aria-label") : "";
    if (channel === null) return;
    for (const part of maps.querySelectorAll(`[data-map="${channel}"]`)) part.classList.add("lit");
    for (const edge of maps.querySelectorAll("[data-ends]")) {
      edge.classList.toggle("lit", edge.dataset.ends.split(" ").includes(channel));
    }
  };
  const mapOf = (target) => target.closest?.("[data-map]")?.dataset.map ?? null;
  const rest = () => light(mapOf(document.activeElement ?? root));
  maps.addEventListener("pointerover", (event) => {
    const channel = mapOf(event.target);
    if (channel === null) rest();
    else light(channel);
  });
  maps.addEventListener("pointerleave", rest);
  maps.addEventListener("focusin", (event) => light(mapOf(event.target)));
  maps.addEventListener("focusout", (event) => light(event.relatedTarget ? mapOf(event.relatedTarget) : null));
  addEventListener("keydown", (event) => { if (event.key === "Escape") light(null); });
})();
