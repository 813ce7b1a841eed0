// What pages can do without: menus that close, buttons that copy. Files, since the content security policy allows no
// inline script.

// Datasette's table.js asks for this before it offers "Facet by this"
window.DATASETTE_ALLOW_FACET = document.querySelector("[data-allow-facet=true]") !== null;

// A menu closes when a click lands outside of it, as in Datasette; what is folded on the page stays as it is
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}
