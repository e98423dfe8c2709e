// The controls are a form. Each change posts it, and only what differs is redrawn.
(() => {
  const form = document.getElementById("settings");
  const element = (id) => document.getElementById(id);
  const busy = (working) => {
    element("answers").setAttribute("aria-busy", String(working));
  };
  const report = (text) => {
    element("problem").textContent = text;
    for (const name of ["target", "other"]) {
      const wrong = text.startsWith("target=") && text.includes(`'${form.elements[name].value}'`);
      form.elements[name].setAttribute("aria-invalid", String(wrong));
    }
  };
  const values = () => new URLSearchParams(new FormData(form));
  const defaults = new URLSearchParams(form.dataset.defaults);
  let current = new AbortController();
  let listed = "";  // the photo and network whose layers and classes are listed

  // Change `old` into `fresh`, node by node: pictures and focus that stay are left alone.
  const patch = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh.cloneNode(true));
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    patchChildren(old, fresh);
  };
  const patchChildren = (old, fresh) => {
    const wanted = [...fresh.childNodes];
    while (old.childNodes.length > wanted.length) old.lastChild.remove();
    wanted.forEach((node, i) => {
      if (i < old.childNodes.length) patch(old.childNodes[i], node);
      else old.append(node.cloneNode(true));
    });
  };
  const redraw = (id, html) => patchChildren(element(id), new DOMParser().parseFromString(html, "text/html").body);

  const post = async (path, body, signal, headers = {}) => {
    const failed = (error) => {
      throw error.name === "AbortError" ? error : new Error("The server does not answer.");
    };
    const answer = await fetch(path, { method: "POST", body, signal, headers }).catch(failed);
    if (!answer.ok) throw new Error((await answer.json().catch(failed)).error);
    return answer;
  };
  const ask = async (path, signal) => (await post(path, values(), signal)).json();

  const option = ([value, text]) => new Option(text, value);
  const list = async (signal) => {
    const { layers, classes } = await ask("choices", signal);
    const layer = form.elements.layer;
    const chosen = layer.value;
    layer.replaceChildren(...layers.map(option));
    layer.value = layers.some(([value]) => value === chosen) ? chosen : "";
    element("classes").replaceChildren(...classes.map((name) => { const item = new Option(); item.value = name; return item; }));
  };

  const anneal = async (signal) => {
    if (form.elements.mode.value === "two") return redraw("annealing", "");
    const { html, finished } = await ask("annealing", signal);
    redraw("annealing", html);
    if (!finished) redraw("annealing", (await ask("levels", signal)).html);
  };
  const flip = async (signal) => {
    if (!element("flip").open) return;
    redraw("flip-set", (await ask("flip", signal)).html);
  };

  const explain = async () => {
    report("");
    await answer();
  };
  const answer = async () => {
    current.abort();
    current = new AbortController();
    const { signal } = current;
    busy(true);
    link();
    try {
      const { html, sentence } = await ask("answer", signal);
      redraw("answer", html);
      element("status").textContent = sentence;
      const subject = `${form.elements.photo.value} ${form.elements.network.value}`;
      if (subject !== listed) { await list(signal); listed = subject; }
      await anneal(signal);
      await flip(signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      report(error.message);
    }
    if (current.signal === signal) busy(false);
  };

  const link = () => {
    const settings = new URLSearchParams();
    for (const [name, value] of values()) {
      if (name !== "photo" && value !== defaults.get(name)) settings.set(name, value);
    }
    const text = settings.toString();
    element("permalink").href = text ? `?${text}` : "./";
    history.replaceState(null, "", element("permalink").href);
  };
  const choosePhoto = (token) => {
    for (const button of document.querySelectorAll("[data-photo]")) {
      button.setAttribute("aria-pressed", String(button.dataset.photo === token));
    }
    form.elements.photo.value = token;
    form.elements.target.value = form.elements.other.value = "";
    explain();
  };
  const send = async (file) => {
    const most = Number(element("drop").dataset.most);
    report("");
    if (file.size > most) return report(`${file.name}: larger than ${most / 2 ** 20} MiB; save it in a smaller size`);
    element("drop").setAttribute("aria-busy", "true");
    try {
      const name = { "X-Name": encodeURIComponent(file.name) };
      choosePhoto((await (await post("photo", file, undefined, name)).json()).token);
    } catch (error) {
      report(error.message);
    } finally {
      element("drop").removeAttribute("aria-busy");
    }
  };

  let timer;
  form.addEventListener("input", ({ target }) => {
    if (target.type !== "range") return;
    target.nextElementSibling.value = target.value;
    clearTimeout(timer);
    timer = setTimeout(explain, 80);
  });
  form.addEventListener("change", ({ target }) => {
    if (target.type === "range") return;
    if (target.id === "file") {
      if (target.files.length) send(target.files[0]);
      target.value = "";  // so that the same file can be chosen again
      return;
    }
    if (target.type === "number") target.previousElementSibling.value = target.value;
    if (target.name === "network") for (const name of ["layer", "target", "other"]) form.elements[name].value = "";
    explain();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  element("download").addEventListener("click", async () => {
    report("");
    try {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await (await post("report", values())).blob());
      link.download = "annealcam-report.html";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      report(error.message);
    }
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.dataset.photo) choosePhoto(button.dataset.photo);
    if (button?.dataset.target) { form.elements.target.value = button.dataset.target; explain(); }
  });
  element("stop").addEventListener("click", () => {
    current.abort();
    busy(false);
    element("status").textContent = "Stopped. Change a setting to start again.";
  });
  element("flip").addEventListener("toggle", () => { if (element("flip").open) explain(); });
  for (const name of ["dragover", "dragleave", "drop"]) {
    element("drop").addEventListener(name, (event) => {
      event.preventDefault();
      element("drop").classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
    });
  }
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
    if (file) send(file);
  });
  answer();  // what is wrong with the address of the page stays
})();
