// Enhancements that pages can do without: menus that close, and copy buttons. This is a file because the content security
// policy forbids inline scripts.

// Datasette's table.js checks this before it offers "Facet by this"
window.DATASETTE_ALLOW_FACET = document.querySelector("[data-allow-facet=true]") !== null;

// As in Datasette, a click outside a menu closes it. Other <details> elements stay as they are
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
