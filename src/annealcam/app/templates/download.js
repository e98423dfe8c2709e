(text) => {
  if (text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/html" }));
    link.download = "annealcam-report.html";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
  return "";
}
