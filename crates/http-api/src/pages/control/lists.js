// What changes seldom: the sales there are, what operators did, and the products. They are asked for when the
// stream says that something is otherwise, and now and then.
import * as api from './api.js';
import { $, el, refill } from './dom.js';
import { S, isOn, mayAct, productOf, saleNow, saleOf, shown } from './room.js';
import { STATE, nameOf, num, when } from './words.js';

const MARKS_MAX = 100, ROWS_MAX = 100;
/** How many rows of each there were when somebody wanted older ones. */
const wanted = {};

const actionOf = it => it && Number.isSafeInteger(it.number) && typeof it.action === 'string' && typeof it.operator === 'string' ? it : null;
const listedOf = it => { const product = productOf(it?.product); return product && { product, changed_at: it.changed_at, archived_at: it.archived_at ?? null }; };
const KINDS = {
	sales: { first: api.sales, of: body => body.sales, read: saleOf, key: it => it.id },
	trail: { first: api.trail, of: body => body.actions, read: actionOf, key: it => it.number },
	products: { first: api.products, of: body => body.products, read: listedOf, key: it => it.product.sku },
};

/**
 * Reads a list anew. Older rows that are shown stay, unless some may be missing between: then, and when many have come
 * since somebody wanted older ones, it begins anew. Returns whether it could be read.
 */
export async function read(kind) {
	const { first, of, read, key } = KINDS[kind], answer = await first();
	if (answer.kind !== 'ok' || !Array.isArray(of(answer.body))) return false;
	const fresh = of(answer.body).map(read).filter(Boolean), keys = new Set(fresh.map(key)), known = S[kind];
	const older = known.filter(it => !keys.has(key(it))), isWhole = older.length < known.length && fresh.length + older.length <= (wanted[kind] ?? 0) + ROWS_MAX;
	if (!older.length || !isWhole) S[`${kind}Next`] = answer.body.next ?? null;
	// The sale that is shown may be one that no page of the list has.
	S[kind] = [...fresh, ...isWhole ? older : older.filter(it => kind === 'sales' && it.id === S.chosen)];
	return true;
}

export async function readMore(kind) {
	const { of, read, key } = KINDS[kind], answer = await api.more(S[`${kind}Next`]);
	if (answer.kind !== 'ok') return;
	const keys = new Set(S[kind].map(key));
	S[kind] = [...S[kind], ...of(answer.body).map(read).filter(it => it && !keys.has(key(it)))];
	S[`${kind}Next`] = answer.body.next ?? null;
	wanted[kind] = S[kind].length;
}

/** What was done to the sale that is shown, for its picture. */
export async function readMarks(sale) {
	const answer = sale && await api.trail(sale.id, MARKS_MAX);
	if (answer?.kind === 'ok') S.marks = (answer.body.actions ?? []).map(actionOf).filter(Boolean);
}

const filled = new Map();

/** Rebuilds a list if what it says is otherwise: what is focused in it stays. */
export function fill(id, rows, build) {
	const host = $(id), key = JSON.stringify(rows);
	if (filled.get(id) === key) return;
	filled.set(id, key);
	refill(host, build());
}

export const button = (is, text, onclick, more = '') => { const b = el('button', { type: 'button', className: `btn small ${more}`, onclick }, text); b.dataset.is = is; return b; };
export const empty = text => el('li', { className: 'empty', textContent: text });

/** Nothing of it stays where nobody is signed in any more. */
export function clear() {
	for (const id of filled.keys()) $(id).replaceChildren();
	filled.clear();
}

export function draw(act) {
	drawSales(act); drawProducts(act);
	for (const kind of ['sales', 'trail', 'products']) $(`${kind}More`).hidden = !S[`${kind}Next`];
}

function drawSales(act) {
	const listed = [...new Set([...(S.room?.sales ?? []), ...S.sales].map(it => it.id))].sort((a, b) => b - a).map(saleNow), id = shown()?.id;
	const rows = listed.map(s => [s.id, nameOf(s), STATE[s.state], when(s.starts_at), when(s.ends_at), num(s.stock), num(s.sold), num(s.held), s.id === id, mayAct() && s.state === 'scheduled']);
	const columns = document.querySelectorAll('.sales thead th');
	fill('sales', rows, () => rows.length ? listed.map((s, i) => {
		const cells = rows[i].slice(1, 8).map((text, at) => { const cell = el('td', { className: at > 3 ? 'n' : '', textContent: text }); cell.dataset.name = columns[at + 1].textContent; return cell; });
		const actions = [s.id === id ? el('span', { className: 'here', textContent: 'Shown above' }) : button(`show${s.id}`, 'Show', () => act.show(s.id)), ...rows[i][9] ? [' ', button(`change${s.id}`, 'Change…', () => act.changeSale(s.id))] : []];
		return el('tr', { className: isOn(s) ? 'on' : '' }, el('th', { scope: 'row', textContent: s.id }), ...cells, el('td', { className: 'does' }, ...actions));
	}) : [el('tr', {}, el('td', { colSpan: 9, className: 'empty', textContent: 'There is no sale yet.' }))]);
}

function drawProducts(act) {
	const may = mayAct();
	fill('products', [S.products, may], () => S.products.length ? S.products.map(({ product: p, archived_at }) => {
		const picture = p.image ? el('img', { src: p.image.slice(1), alt: '', width: 52, height: 65, loading: 'lazy' }) : el('span', { className: 'noPicture', ariaHidden: 'true' });
		const acts = may && !archived_at ? [button(`put${p.sku}`, 'Change…', () => act.putProduct(p)), button(`archive${p.sku}`, 'Archive…', () => act.archiveProduct(p))] : [];
		return el('li', { className: archived_at ? 'gone' : '' }, picture, el('p', {}, el('b', { textContent: p.name }), el('small', { textContent: [p.sku, p.costs, archived_at ? `archived ${when(archived_at)}` : !p.image && 'a picture for each unit'].filter(Boolean).join(' · ') })), el('div', { className: 'acts' }, ...acts));
	}) : [empty('None. A sale without a product is of generated items, each with a name and a picture of its own.')]);
}

/** The buttons beside the headings; who may not act is told why there are none. */
export function drawActs(act) {
	fill('salesActs', [mayAct()], () => mayAct() ? [el('button', { type: 'button', className: 'btn small', onclick: act.schedule }, 'Schedule a sale… ', el('kbd', { textContent: 'N' }))] : []);
	fill('productsActs', [mayAct()], () => mayAct() ? [el('button', { type: 'button', className: 'btn small', onclick: () => act.putProduct(null) }, 'Add a product…')] : []);
}
