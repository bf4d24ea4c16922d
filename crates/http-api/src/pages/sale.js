// A sale as the service shows it, read with suspicion: what is no sale is none.
const STATES = ['scheduled', 'open', 'paused', 'ended'];
const isCount = n => Number.isSafeInteger(n) && n >= 0;
export const isTime = t => typeof t === 'string' && Number.isFinite(Date.parse(t));
/** A path of a picture on this host, and nothing else. */
export const isImage = p => typeof p === 'string' && /^\/(items|products\/images)\/[\w.-]+(\/[\w.-]+)?$/.test(p);

/** The sale in this object, or null. */
export function saleOf(it) {
	const counts = ['id', 'stock', 'sold', 'held', 'available', 'per_user_limit', 'hold_ms'];
	if (!it || !counts.every(name => isCount(it[name])) || !isTime(it.starts_at) || !isTime(it.ends_at) || !it.stock) return null;
	const next = it.next_sale && isTime(it.next_sale.starts_at) ? it.next_sale : null;
	// A state that is not known is one in which nothing can be had.
	return { ...it, state: STATES.includes(it.state) ? it.state : 'paused', next_sale: next, product: productOf(it.product) };
}

function productOf(it) {
	if (!it || typeof it.name !== 'string') return null;
	return { name: it.name, image: isImage(it.image) ? it.image : null, price: priceOf(it.price) };
}

export function priceOf(price) {
	if (!price || !isCount(price.amount)) return null;
	try {
		const format = new Intl.NumberFormat(undefined, { style: 'currency', currency: price.currency });
		return format.format(price.amount / 10 ** format.resolvedOptions().maximumFractionDigits);
	} catch { return null; }
}

export const nameOf = sale => sale.product?.name ?? 'Pocket Curios';

/** The sale that an address names: null for whichever is on, and undefined where it names a place on the page. */
export function saleIn(hash) {
	const named = /^(?:#sale=([1-9]\d{0,12}))?$/.exec(hash);
	return named ? Number(named[1]) || null : undefined;
}
