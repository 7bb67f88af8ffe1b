// Before the first paint, and so not a module: the theme that was chosen here, if one was.
document.documentElement.dataset.theme = localStorage.getItem("tema") ?? "";
