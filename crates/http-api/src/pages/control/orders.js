// What can be ordered, and what is said before it is.
import * as api from './api.js';
import { atHour, hourMinute, now, secondsTo, left } from './clock.js';
import { el } from './dom.js';
import { ask, field } from './dialog.js';
import { S, isOn, productOf, saleOf } from './room.js';
import { priceOf } from './sale.js';
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

/** What the service takes. */
const PICTURE_MAX = 512 * 1_024, KINDS = ['image/png', 'image/jpeg', 'image/webp'];

/** How many digits a currency has after the point. */
const digitsOf = currency => { try { return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits; } catch { return null; } };

export function putProduct(was, why) {
	let picture = was?.image ? { kept: was.image } : null;
	const shown = el('canvas', { width: 96, height: 120, className: 'preview', role: 'img', ariaLabel: 'The picture' }), says = el('small', { ariaLive: 'polite' });
	const file = field('picture', 'Picture', { type: 'file', accept: KINDS.join() }, 'PNG, JPEG or WebP of at most 512 KB. Without one each unit has a picture of its own.');
	const none = el('button', { type: 'button', className: 'btn small', textContent: 'No picture' });
	const digits = was?.price ? digitsOf(was.price.currency) ?? 2 : 2;
	const price = was?.price ? (was.price.amount / 10 ** digits).toFixed(digits) : '';
	const costs = el('small', { ariaLive: 'polite' });
	async function draw() {
		shown.hidden = none.hidden = !picture;
		shown.getContext('2d').clearRect(0, 0, 96, 120);
		if (!picture) return;
		const image = picture.bytes ? await createImageBitmap(picture.bytes).catch(() => null) : await loaded(picture.kept.slice(1));
		if (!image) { says.textContent = 'This browser cannot show it; the service says whether it takes it.'; return; }
		const scale = Math.min(96 / image.width, 120 / image.height), [w, h] = [image.width * scale, image.height * scale];
		shown.getContext('2d').drawImage(image, (96 - w) / 2, (120 - h) / 2, w, h);
	}
	file.querySelector('input').addEventListener('change', async e => {
		const [it] = e.target.files;
		if (!it) return;
		says.textContent = it.size > PICTURE_MAX ? `It has ${Math.ceil(it.size / 1_024)} KB, and may have 512.` : !KINDS.includes(it.type) ? 'It is no PNG, JPEG or WebP.' : `${it.name}, ${Math.ceil(it.size / 1_024)} KB`;
		if (it.size > PICTURE_MAX || !KINDS.includes(it.type)) { e.target.value = ''; return; }
		picture = { bytes: it, base64: await inBase64(it) };
		draw();
	});
	none.onclick = () => { picture = null; file.querySelector('input').value = ''; says.textContent = ''; draw(); file.querySelector('input').focus(); };
	/** What the fields say of the price: an amount in the smallest unit of a currency, or what is wrong. */
	function priceIn(form) {
		const currency = form.currency.value.trim().toUpperCase(), cost = form.price.value.trim().replace(',', '.'), after = digitsOf(currency);
		if (!cost && !currency) return {};
		if (!/^[A-Z]{3}$/.test(currency) || after === null) return { wrong: ['currency', 'In which currency? By its three letters, such as EUR.'] };
		if (!new RegExp(`^\\d{1,12}(\\.\\d{1,${after || 1}})?$`).test(cost) || !after && cost.includes('.')) return { wrong: ['price', `How much? Such as ${after ? `19.${'9'.repeat(after)}` : '1999'}.`] };
		return { price: Math.round(Number(cost) * 10 ** after), currency };
	}
	ask({
		title: was ? `Change ${was.name}` : 'Add a product', verb: was ? 'Change the product' : 'Add the product', leave: was ? undefined : 'Add none', method: 'PUT', deed: 'Put the product',
		async isChanged() {
			const answer = await api.product(this.sku), is = answer.kind === 'ok' ? productOf(answer.body.product ?? answer.body) : null;
			if (answer.kind === 'ok' && !was) return 'There is a product of this key already. To change it, press Change… beside it.';
			if (is && was && JSON.stringify(is) !== JSON.stringify(was)) return 'Somebody has changed it since this was opened: leave it as it is, and look at it again.';
		},
		effects: was ? ['Sales of it show it so within seconds. A receipt says what was sold as it was then.'] : [],
		parts: [
			field('sku', 'Key', { value: was?.sku ?? '', readOnly: !!was, maxLength: 64 }, 'The shop’s own, such as lamp-7. It stays for ever.'), field('name', 'Name', { value: was?.name ?? '', maxLength: 200 }),
			el('div', { className: 'two' }, field('price', 'Price', { value: price, inputMode: 'decimal' }, 'Shown and passed on'), field('currency', 'Currency', { value: was?.price?.currency ?? '', maxLength: 3 }, 'Such as EUR')), costs,
			file, el('div', { className: 'pictured' }, shown, says, none),
		],
		says(form) {
			const sku = form.sku.value.trim(), name = form.name.value.trim();
			if (!/^[A-Za-z0-9][\w.:@-]{0,63}$/.test(sku)) return { wrong: ['sku', 'A key has letters, digits and . _ : @ - only, and begins with a letter or a digit.'] };
			if (!name) return { wrong: ['name', 'What is it called?'] };
			const said = { name };
			const price = priceIn(form);
			if (price.wrong) return price;
			Object.assign(said, price);
			if (was?.metadata) said.metadata = JSON.stringify(was.metadata);
			if (picture?.base64) said.image_base64 = picture.base64; else if (picture) said.image = picture.kept;
			this.sku = sku; this.path = `admin/products/${encodeURIComponent(sku)}`; this.deed = `${was ? 'Changed' : 'Added'} product ${sku}`;
			return said;
		},
	}, why);
	const form = costs.closest('form'), preview = () => { const { price, currency } = priceIn(form); costs.textContent = currency ? `Buyers see ${priceOf({ amount: price, currency })}.` : ''; };
	form.addEventListener('input', preview);
	preview();
	draw();
}

async function loaded(src) {
	const image = el('img', { src });
	return image.decode().then(() => image, () => null);
}

async function inBase64(file) {
	const bytes = new Uint8Array(await file.arrayBuffer());
	let text = '';
	for (let i = 0; i < bytes.length; i += 8_192) text += String.fromCharCode(...bytes.subarray(i, i + 8_192));
	return btoa(text);
}
