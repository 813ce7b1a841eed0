// Makes the column menus work with the keyboard: the icon of Datasette 0.65.5's table.js only reacts to a pointer.
const menu = document.querySelector(".dropdown-menu");
let opener = null;

function links() {
  return [...menu.querySelectorAll("a")].filter((link) => link.offsetParent !== null);
}

function move(step) {
  const shown = links();
  const at = shown.indexOf(document.activeElement);
  shown[(at + step + shown.length) % shown.length].focus();
}

function isOpen() {
  return menu.style.display !== "none";
}

// table.js closes the menu in several ways, so update every icon each time
function updateIcons() {
  for (const icon of document.querySelectorAll(".dropdown-menu-icon")) {
    icon.setAttribute("aria-expanded", String(isOpen() && icon === opener));
  }
}

function close() {
  menu.style.display = "none";
  opener.focus();
}

if (menu) {
  for (const icon of document.querySelectorAll(".dropdown-menu-icon")) {
    const heading = icon.closest("th");
    icon.setAttribute("role", "button");
    icon.setAttribute("tabindex", "0");
    icon.setAttribute("aria-label", `Menu of the column ${heading.dataset.column}`);
    icon.addEventListener("click", () => {
      opener = icon;
      // keep the menu of a column at the right edge on the page
      menu.style.left = `${Math.max(0, Math.min(menu.offsetLeft, document.documentElement.clientWidth - menu.offsetWidth - 8))}px`;
      updateIcons();
    });
    icon.addEventListener("keydown", (event) => {
      if (!["Enter", " ", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      // table.js treats a key press as a click outside the menu
      icon.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      links()[0]?.focus();
    });
  }
  menu.addEventListener("keydown", (event) => {
    const shown = links();
    // the menu is at the end of the document: when Tab leaves it, continue from the column
    const leaves = event.key === "Tab" && document.activeElement === shown.at(event.shiftKey ? 0 : -1);
    if (event.key === "Escape" || leaves) close();
    else if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else return;
    event.preventDefault();
  });
  new MutationObserver(updateIcons).observe(menu, { attributes: true, attributeFilter: ["style"] });
  updateIcons();
}
