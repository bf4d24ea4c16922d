// What can be ordered, and what is said before it is.
import * as api from './api.js';
import { atHour, hourMinute, now, secondsTo, left } from './clock.js';
import { el } from './dom.js';
import { ask, field } from './dialog.js';
import { S, isOn, productOf, saleOf } from './room.js';
import { GENERATED, nameOf, num, plural, when, whenExactly } from './words.js';

const MINUTE = 60_000, PAGES_MAX = 50;
let tell;
export const start = onProblem => { tell = onProblem; };

/** The sale as it is now, with its version: an order names what its operator saw. */
async function look(id) {
	const answer = await api.sale(id), sale = answer.kind === 'ok' ? saleOf(answer.body) : null;
	if (!sale) tell(answer.name === 'sale-not-found' ? `There is no sale ${id}.` : 'The service could not say how the sale stands, so nothing can be ordered of it just now.');
	return sale;
}

const free = sale => Math.max(0, sale.stock - sale.sold - sale.held);
const onHold = sale => sale.held ? `${plural(sale.held, 'unit stays', 'units stay')} on hold, and can be bought. Their time runs on.` : 'Nothing is on hold.';
const inMinutes = ms => +(ms / MINUTE).toFixed(3);

const of = (sale, how) => ({ method: 'POST', path: `admin/sales/${sale.id}/${how.way}`, says: () => ({ version: sale.version }), ...how });

export async function pauseSale(id, why) {
	const sale = await look(id);
	if (sale) ask(of(sale, {
		way: 'pause', title: `Pause sale ${id}?`, verb: 'Pause the sale', deed: `Paused sale ${id}`, again: it => pauseSale(id, it),
		effects: sale.state === 'scheduled' ? [`It opens ${atHour(sale.starts_at)}, but nobody gets a unit until it is resumed; the shop says “A short break”.`, 'The clock does not stop: it ends when it would.']
			: ['Within a second nobody gets a new unit; the shop says “A short break”.', onHold(sale), `The clock does not stop: the sale still ends ${atHour(sale.ends_at)}.`],
	}), why);
}

export async function resumeSale(id, why) {
	const sale = await look(id), open = S.room?.viewers;
	if (sale) ask(of(sale, {
		way: 'resume', title: `Resume sale ${id}?`, verb: 'Resume the sale', deed: `Resumed sale ${id}`, again: it => resumeSale(id, it),
		effects: ['Within a second buyers can get units again. Pages that are open show the button by themselves.', ...open ? [`Expect a rush: ${plural(open, 'page is', 'pages are')} open.`] : [], `The sale ends ${atHour(sale.ends_at)}, ${free(sale) ? `and ${plural(free(sale), 'unit is', 'units are')} free` : 'and none is free'}.`],
	}), why);
}

export async function endSale(id, why) {
	const sale = await look(id);
	if (sale) ask(of(sale, {
		way: 'end', title: `End sale ${id} now?`, verb: 'End the sale for good', tone: 'bad', deed: `Ended sale ${id}`, sure: id, again: it => endSale(id, it),
		effects: [sale.state === 'scheduled' ? 'It never opens.' : `Nobody gets a new unit any more. ${plural(free(sale), 'unit stays', 'units stay')} unsold.`,
			...sale.held ? [`${plural(sale.held, 'unit', 'units')} on hold can still be bought until their time runs out, ${whenExactly(now() + sale.hold_ms)} at the latest.`] : [],
			`This cannot be undone.${sale.state === 'scheduled' ? '' : ' To stop for a while, pause instead.'}`],
	}), why);
}

/** A moment as a field has it, where whoever looks is. */
const local = t => new Date(t - new Date(t).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const whole = (form, name) => /^\d{1,15}$/.test(form[name].value.trim()) ? Number(form[name].value.trim()) : null;
const minutes = (form, name) => { const text = form[name].value.trim().replace(',', '.'), n = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0; return n > 0 && n < 1e7 ? Math.round(n * MINUTE) : null; };

function terms(sale, isOpen) {
	const number = (name, label, value, help) => field(name, label, { value: value ?? '', inputMode: 'numeric' }, help);
	return [
		...isOpen ? [field('ends', 'Ends', { type: 'datetime-local', value: local(sale.ends) }, `Where you are: ${zone}`)]
			: [field('starts', 'Opens', { type: 'datetime-local', value: local(sale.starts) }, `Where you are: ${zone}`), field('lasts', 'Lasts, in minutes', { value: inMinutes(sale.ends - sale.starts), inputMode: 'decimal' })],
		number('stock', 'Stock', sale.stock, isOpen ? 'No less than the highest unit on hold or sold' : ''), number('limit', 'Limit per buyer', sale.per_user_limit, isOpen ? 'Can be raised' : ''),
		...isOpen ? [] : [field('hold', 'Hold, in minutes', { value: inMinutes(sale.hold_ms), inputMode: 'decimal' })],
	];
}

/** What the fields say, or what is wrong with one. `from` is the sale as it is: what is the same is not said. */
function said(form, from) {
	const stock = whole(form, 'stock'), per_user_limit = whole(form, 'limit');
	if (!stock) return { wrong: ['stock', 'How many units? A whole number, such as 2500.'] };
	if (!per_user_limit) return { wrong: ['limit', 'How many may one buyer have? A whole number, such as 10.'] };
	const all = { stock, per_user_limit };
	// Fields have no seconds: who does not touch one leaves it as it is.
	const moment = (name, before) => form[name].value === local(before ?? 0) ? before : Date.parse(form[name].value);
	if (form.starts) {
		const starts = moment('starts', from?.starts), lasts = minutes(form, 'lasts'), hold_ms = minutes(form, 'hold');
		if (!Number.isFinite(starts)) return { wrong: ['starts', 'When does it open?'] };
		if (!lasts) return { wrong: ['lasts', 'How many minutes does it last?'] };
		if (!hold_ms) return { wrong: ['hold', 'How many minutes is a unit held?'] };
		Object.assign(all, { starts_at: new Date(starts).toISOString(), ends_at: new Date(starts + lasts).toISOString(), hold_ms });
	} else {
		const ends = moment('ends', from.ends);
		if (!Number.isFinite(ends)) return { wrong: ['ends', 'When does it end?'] };
		all.ends_at = new Date(ends).toISOString();
	}
	return all;
}

export async function changeSale(id, why) {
	const sale = await look(id);
	if (!sale) return;
	const isOpen = isOn(sale) && sale.starts <= now();
	ask(of(sale, {
		title: `Change sale ${id}`, verb: 'Change the sale', method: 'PATCH', path: `admin/sales/${id}`, deed: `Changed sale ${id}`, again: it => changeSale(id, it), parts: [el('div', { className: 'two' }, ...terms(sale, isOpen))],
		effects: [isOpen ? 'Pages that are open show it by themselves. What somebody has on hold or has bought stays as it is.' : 'Nobody has a unit yet: everything can be changed.'],
		says(form) {
			const all = said(form, sale);
			if (all.wrong) return all;
			const same = (name, value) => /_at$/.test(name) ? Date.parse(value) === Date.parse(sale[name]) : value === sale[name];
			const changed = Object.fromEntries(Object.entries(all).filter(([name, value]) => !same(name, value)));
			return Object.keys(changed).length ? { ...changed, version: sale.version } : { wrong: ['stock', 'Nothing is different so far.'] };
		},
	}), why);
}

/** All products that can be sold, however many: a list that leaves some out in silence would hide them. */
async function sellable() {
	const all = [];
	let page = await api.products();
	for (let i = 0; i < PAGES_MAX && page.kind === 'ok'; i++) {
		all.push(...(page.body.products ?? []).filter(it => !it.archived_at).map(it => productOf(it.product)).filter(Boolean));
		if (!page.body.next) return all;
		page = await api.more(page.body.next);
	}
	return null;
}

export async function schedule() {
	const products = await sellable();
	if (!products) return tell('The service could not say which products there are, so no sale can be scheduled just now.');
	const hour = Math.ceil((now() + 5 * MINUTE) / (60 * MINUTE)) * 60 * MINUTE, last = S.sales[0];
	const draft = { starts: hour, ends: hour + 30 * MINUTE, stock: last?.stock ?? 2_500, per_user_limit: last?.per_user_limit ?? 10, hold_ms: last?.hold_ms ?? 5 * MINUTE };
	const options = [el('option', { value: '', textContent: `${GENERATED}, each with a picture of its own` }), ...products.map(it => el('option', { value: it.sku, textContent: `${it.name} (${it.sku})` }))];
	const sum = el('p', { className: 'sum', ariaLive: 'polite' });
	ask({
		title: 'Schedule a sale', verb: 'Schedule the sale', leave: 'Schedule none', method: 'POST', path: 'admin/sales', deed: 'Scheduled a sale', parts: [field('product', 'Product', { options }), el('div', { className: 'two' }, ...terms(draft, false)), sum],
		says(form) {
			const all = said(form, draft);
			return all.wrong || !form.product.value ? all : { ...all, product: form.product.value };
		},
	});
	const form = sum.closest('form'), add = () => { sum.textContent = summary(said(form, draft)); };
	form.addEventListener('input', add);
	add();
}

function summary({ wrong, starts_at, ends_at }) {
	if (wrong) return wrong[1];
	const starts = Date.parse(starts_at), ends = Date.parse(ends_at), day = new Date(starts).toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
	const beside = [...new Map([...S.sales, ...S.room?.sales ?? []].map(it => [it.id, it])).values()].filter(it => it.state !== 'ended' && it.starts < ends && it.ends > starts);
	const opens = secondsTo(starts) ? `Opens on ${day} at ${hourMinute(starts)}, in ${left(starts)} by the shop’s clock,` : 'Opens at once,';
	return `${opens} and ends at ${when(ends)}. It runs beside ${beside.length ? beside.map(it => `sale ${it.id}, ${nameOf(it)}`).join('; ') : 'no other sale'}.`;
}

/** By its unit and its user: nobody is shown the code of a hold whole. */
export const releaseHold = ({ unit, sale_id, user_id }) => ask({
	title: `Release unit ${num(unit)} of sale ${sale_id}?`, verb: 'Release the hold', tone: 'bad', method: 'DELETE', path: `admin/sales/${sale_id}/units/${unit}/hold`, deed: `Released unit ${num(unit)} of sale ${sale_id}`, says: () => ({ user_id }),
	effects: [`${user_id} can no longer buy it. Their page says so within two minutes, or as soon as they look at it again.`, 'The unit is on sale again within a second, for anybody. This cannot be undone.'],
});

export const cancelPurchase = ({ code, unit, sale_id, user_id, item_name }) => ask({
	title: `Cancel the purchase of ${item_name ?? `unit ${num(unit)}`}?`, verb: 'Cancel the purchase', tone: 'bad', method: 'POST', path: `admin/purchases/${code}/cancel`, deed: `Cancelled the purchase of unit ${num(unit)} of sale ${sale_id}`,
	whyHelp: 'It goes into the trail with your name, and onto the receipt: the buyer reads it.',
	effects: [`The unit is on sale again, unless the sale is over. The receipt of ${user_id} stays, marked as cancelled, with your reason.`, 'They may buy another unit instead. Tell them: the shop does not.', 'This cannot be undone.'],
});

export const archiveProduct = ({ sku, name }) => ask({
	title: `Archive ${name}?`, verb: 'Archive the product', tone: 'bad', method: 'POST', path: `admin/products/${encodeURIComponent(sku)}/archive`, deed: `Archived product ${sku}`,
	effects: ['No sale of it can be made any more. Those there are go on, and receipts stay as they are.', 'This is for ever: its key cannot be used for another.'],
});

