window.annealcamTheme = () => document.body.classList.toggle("dark");
