// A product is put: all that it is, said at once, with a picture that is looked at before it is sent.
import * as api from './api.js';
import { ask, field } from './dialog.js';
import { el } from './dom.js';
import { productOf } from './room.js';
import { priceOf } from './sale.js';

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
			this.sku = sku; this.path = `admin/products/${encodeURIComponent(sku)}`; this.deed = `Put product ${sku}`;
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
