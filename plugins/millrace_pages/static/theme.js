// Airflow keeps its reader's choice of light or dark under this name; without one, the system's holds.
const chosen = localStorage.getItem("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
