// Elements, and texts in them: whatever anybody wrote is text, never markup.
export const $ = id => document.getElementById(id);
export const el = (tag, props = {}, ...kids) => { const e = Object.assign(document.createElement(tag), props); e.append(...kids); return e; };

/** Shows a text, or hides where there is none. What has not changed is not touched: it would be read out again. */
export function set(e, text) {
	e.hidden = !text;
	if (e.textContent !== (text || '')) e.textContent = text || '';
}

/** Puts others in the place of what is in an element. What is focused in it, by the name in `data-is`, stays so. */
export function refill(host, kids) {
	const focused = host.contains(document.activeElement) && document.activeElement.dataset.is;
	host.replaceChildren(...kids);
	if (focused) host.querySelector(`[data-is="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

const NS = 'http://www.w3.org/2000/svg';
export function svg(tag, attributes, ...kids) {
	const e = document.createElementNS(NS, tag);
	for (const name in attributes) e.setAttribute(name, attributes[name]);
	e.append(...kids);
	return e;
}

export function early(b) { b.classList.add('early'); setTimeout(() => b.classList.remove('early'), 700); }

/** Said to whoever does not see the page: politely, or at once. */
export const say = text => { $('say').textContent = text; };
export const alarm = text => { $('alarm').textContent = text; };

// Whoever holds Enter down has pressed a button once.
addEventListener('keydown', e => { if (e.repeat && e.key === 'Enter') e.preventDefault(); });
