// A photo is posted to /photo, which returns a token or an error.
const problem = () => element.querySelector(".problem");
const most = () => Number(element.querySelector(".drop").dataset.most);

const choose = (token) => {
  for (const button of element.querySelectorAll(".examples button")) {
    button.setAttribute("aria-pressed", String(button.dataset.token === token));
  }
  props.value = token;
  trigger("input");
};

const send = async (file) => {
  problem().textContent = "";
  if (file.size > most()) {
    problem().textContent = `${file.name}: larger than ${most() / 2 ** 20} MiB; save it in a smaller size`;
    return;
  }
  element.querySelector(".zone").classList.add("busy");
  try {
    const answer = await fetch("photo", {
      method: "POST", body: file, headers: { "X-Name": encodeURIComponent(file.name) },
    });
    const result = await answer.json();
    if (result.token) choose(result.token);
    else problem().textContent = result.error || result.detail || "The upload failed.";
  } catch {
    problem().textContent = "The server does not answer.";
  } finally {
    element.querySelector(".zone").classList.remove("busy");
  }
};

element.addEventListener("change", (event) => {
  if (event.target.type !== "file" || !event.target.files.length) return;
  send(event.target.files[0]);
  event.target.value = "";  // so that the same file can be chosen again
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-token]");
  if (!button) return;
  problem().textContent = "";
  choose(button.dataset.token);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  element.addEventListener(name, (event) => {
    event.preventDefault();
    element.querySelector(".zone").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
  if (file) send(file);
});
