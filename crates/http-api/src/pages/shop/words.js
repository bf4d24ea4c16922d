// What the page says in each state. Every text of the panel is here.
import { atHour, dayHour, inWords, left, secondsTo, toSeconds } from './clock.js';
import { nameOf } from './sale.js';
import { S, bought, canAsk, countOf, holds, isAboutTo, picked, request, room } from './state.js';
import { isKept, pictureOf } from './units.js';

export const num = n => n.toLocaleString('en-US');
/** A unit's name without its number. */
export const bare = u => u.name.replace(/ No\. \d+$/, '');
/** The same on a card, where the number stays in one piece. */
export const onCard = u => u.name.replace(/ No\. (\d+)$/, ' No.\u00a0$1');

const of = () => S.sale?.product ? `${S.sale.product.price ? `${S.sale.product.price} each. ` : ''}Ask for one, see which number is yours, then decide.`
	: 'Small pictures of small things, no two alike. Ask, see which one is yours, then decide.';
const mayHave = () => room() === S.sale.per_user_limit ? `You may have ${room() > 1 ? `up to ${room()}` : 'one'}.` : `You may have ${room()} more.`;
const nextSale = () => S.sale.next_sale && { label: 'The next sale opens in', to: Date.parse(S.sale.next_sale.starts_at), at: atHour(S.sale.next_sale.starts_at) };
/** What a unit of a sale costs: '' is nothing, and null is not known. */
export const priceIn = sale => sale.product ? sale.product.price ?? null : '';
const costs = u => { const price = u.price ?? (S.sale?.id === u.sale ? priceIn(S.sale) : null); return price === null ? '' : ` and costs ${price || 'nothing'}`; };
const unkept = () => isKept() ? '' : ' This browser does not keep its code: leave this tab open.';
const willBegin = () => S.others ? 'Other sales are on: they are above.' : S.chosen ? '' : S.sale?.next_sale ? 'The next sale starts on this page by itself.' : 'When another sale is planned, it appears here by itself.';
/** Whoever chose a sale stays with it, and is asked. */
const onward = act => S.chosen && ['Show what is on', act.current];
const another = act => S.requests.has(S.sale?.id) ? ['To your other request', () => act.pick(null)] : canAsk() && ['Get another', act.ask];
const openUntil = () => `Open until ${dayHour(S.sale.ends_at)}`;

const STATES = {
	loading: () => ({ eyebrow: 'One moment', title: 'Flashsale', lead: S.link === 'off' ? 'The shop does not answer. This page goes on asking.' : 'Asking the shop what is on.' }),
	none: act => S.chosen ? { eyebrow: 'Not known', title: `There is no sale ${S.chosen}`, lead: 'The shop knows no sale of this number.', main: onward(act) } : ({ eyebrow: 'Nothing on', title: 'No sale is planned', lead: willBegin(), note: bought().length ? 'What you bought is below.' : '' }),
	before: () => ({
		eyebrow: 'Not open yet', title: nameOf(S.sale), lead: S.sale.product ? S.sale.product.price && `${S.sale.product.price} each.` : 'Small pictures of small things, no two alike.', stock: true, who: true,
		count: { label: isAboutTo() ? 'It opens now' : 'Opens in', to: Date.parse(S.sale.starts_at), at: `${atHour(S.sale.starts_at)}, by the shop’s clock`, big: true },
		note: `Stay on this page: the button appears here by itself, for everybody at the same moment. ${mayHave()}`,
	}),
	open: act => ({
		eyebrow: openUntil(), title: nameOf(S.sale), lead: of(), stock: true, who: true, main: ['Get one', act.ask],
		note: `${mayHave()} We hold each one for ${inWords(S.sale.hold_ms / 1000 | 0)} while you decide, and holding costs nothing.`,
	}),
	asking: act => {
		const it = request();
		return {
			eyebrow: S.sale?.state === 'open' ? openUntil() : 'One moment', title: it.isBusy ? 'Asking for a unit' : it.isUnsure ? 'The answer got lost' : it.isCrowd ? 'A crowd at the counter' : 'The counter is shut for a moment',
			lead: !it.isBusy ? '' : it.isUnsure ? 'It is the same request as before: you cannot get two by it.' : 'This takes a moment. Nothing is yours until the picture turns over.', stock: !!S.sale, main: it.isBusy ? ['Asking…', null] : ['Ask again now', act.again],
		};
	},
	hold: act => {
		const u = picked(), n = holds().length, it = request(), isOver = secondsTo(Date.parse(u.expires_at)) === 0;
		const more = S.sale && u.sale === S.sale.id && { paused: ' The sale is paused, but this one you can buy.', ended: ' The sale is over, but this one you can still buy.' }[S.sale.state];
		const note = it?.isBusy && it.op === 'buy' ? 'Writing it down. If the answer gets lost on the way, the unit does not.'
			: `Buying is final${costs(u)}. Giving it back lets somebody else have it at once.${S.sale?.state !== 'open' || u.sale !== S.sale.id ? '' : room() ? ` ${mayHave()}` : ` You have all ${S.sale.per_user_limit} of your units.`}${unkept()}`;
		return {
			eyebrow: more ? `On hold for you.${more}` : n > 1 ? `On hold for you, one of ${n}` : 'On hold for you', title: bare(u), no: `No. ${num(u.unit)}`, note,
			count: { label: isOver ? 'Time is up; asking the shop' : 'Yours to decide for', to: Date.parse(u.expires_at), at: `Until ${toSeconds(u.expires_at)} nobody else can take it.`, hold: true },
			main: it?.isBusy ? [it.op === 'give' ? 'Giving it back…' : 'Buying…', null] : it ? ['Ask again now', act.again] : ['Buy it', act.buy, left(Date.parse(u.expires_at))],
			sec1: !it && ['Give it back', act.give], sec2: !it && another(act),
		};
	},
	mine: act => {
		const u = picked(), back = ['Back to the sale', () => act.pick(null)], more = another(act);
		return { eyebrow: 'Yours, for good', title: bare(u), no: `No. ${num(u.unit)}`, slip: u, main: more || back, sec1: ['Open the picture', () => open(pictureOf(u), '_blank', 'noopener')], sec2: more && back, note: `It is written down and stays yours. The code is the proof.${unkept()}` };
	},
	waiting: act => ({
		eyebrow: 'All taken, for now', title: 'Every unit is sold or on hold', lead: `${num(S.sale.held)} ${S.sale.held === 1 ? 'is' : 'are'} on hold. What is given back or not bought in time comes back here.`, stock: true,
		count: secondsTo(S.retry_at) > 0 && { label: 'One may come back in', to: S.retry_at, at: 'or sooner. The button appears by itself.' },
		sec1: ['Look again now', act.look], note: 'We cannot promise that one comes back. Nobody can jump the line, and reloading does not help.',
	}),
	soldout: act => ({
		eyebrow: 'Sold out', title: S.sale.stock === 1 ? 'The only one has found a home' : `All ${num(S.sale.stock)} have found a home`, lead: 'Nothing is on hold any more, so nothing will come back.', count: nextSale(), main: onward(act),
		note: `${bought().length ? 'What you bought is below. ' : ''}${willBegin()}`,
	}),
	limit: act => {
		const b = countOf('bought'), h = countOf('held'), { per_user_limit: all } = S.sale, known = b + h >= all;
		return {
			eyebrow: 'Your limit', title: all === 1 ? 'You have yours' : `You have all ${all}`, lead: `That is the most one person may have in this sale${known ? `: ${b} bought, ${h} on hold.` : '. Some of them you got elsewhere.'}`, stock: true, who: true,
			main: h > 0 && ['Decide on those on hold', () => act.pick(holds()[0].code)], note: h ? 'Give one back, and you may ask for another.' : 'Thank you for leaving some for the others.',
		};
	},
	paused: () => ({
		eyebrow: 'Paused', title: 'A short break', lead: 'The shop has stopped handing out units of this sale for a moment. Units on hold stay on hold, and can be bought as usual.', stock: true,
		count: { label: 'The sale still ends in', to: Date.parse(S.sale.ends_at), at: atHour(S.sale.ends_at) }, note: 'This page goes on by itself as soon as the shop does.',
	}),
	ended: act => ({
		eyebrow: 'Over', title: 'This sale has ended', lead: `${num(S.sale.sold)} of ${num(S.sale.stock)} found a home.${S.sale.held ? ` ${num(S.sale.held)} on hold can still be bought until their time runs out.` : ''}`, count: nextSale(), main: onward(act), note: willBegin(),
	}),
};

/** States whose titles do not say which sale it is. */
const UNNAMED = ['waiting', 'soldout', 'limit', 'paused', 'ended'];
export const wordsOf = (view, act) => ({ ...UNNAMED.includes(view) && { no: nameOf(S.sale) }, ...STATES[view](act) });

/** What lies on the wall in the place of the card. */
export const signOf = view => ({ waiting: '0 left', soldout: 'Sold out', ended: 'Over', paused: 'Paused', none: 'Closed', limit: `${S.sale?.per_user_limit} of ${S.sale?.per_user_limit}` })[view];

export const NOTHING = { ask: 'Nothing was taken', buy: 'Nothing was bought', give: 'Nothing was given back' };

/** Why it is asked again, and when: once somebody has signed in, if that is what it waits for. */
export function retryWords({ op, isUnsure, isCrowd, at }) {
	const s = secondsTo(at), when = at === null ? 'as soon as you have signed in' : S.link === 'off' ? 'as soon as the shop can be reached' : s ? `in ${s} s` : 'now';
	if (!isUnsure) return `${isCrowd ? 'Very many people are asking right now, and the shop could not answer you' : 'Something in the shop is out of order, and it cannot do that just now'}. ${NOTHING[op]}. We ask again ${when}.`;
	if (op === 'ask') return `We do not know yet whether a unit was put on hold for you. It is safe to ask again: it is the same request, and we repeat it ${when}. You cannot get two by it.`;
	if (op === 'give') return `We do not know yet whether it was given back. It is safe to ask again, and we do so ${when}.`;
	return `We do not know yet whether that went through. It is safe to ask again with the same code, and we do so ${when}. You cannot buy it twice.`;
}

/** What has become of a unit without this page. */
export const BECAME = {
	expired: u => `Time ran out for ${u.name}. It went back on sale.`,
	returned: u => `${u.name} was given back, by the shop or by you elsewhere. Somebody else can have it now.`,
	cancelled: u => `The shop cancelled your purchase of ${u.name}${u.why ? `: “${u.why}”` : '.'}`,
};

/** What is said of a refusal. */
export function refusalWords({ name, body, status }) {
	return {
		'sold-out': 'Somebody was faster: none is free at this moment.',
		'user-limit-reached': `${S.user || 'You'} ${S.user ? 'has' : 'have'} all that one person may have in this sale.`,
		'sale-not-open': 'It has not opened yet.', 'sale-ended': 'The sale ended before your request came.', 'sale-paused': 'The sale was paused before your request came.',
		'code-not-found': 'The shop does not know this code.', 'code-expired': 'Its time had run out. It is back on sale.', 'purchase-cancelled': 'You had bought it, and the shop has cancelled that purchase.',
		unauthorized: 'This shop wants to know who you are. Put in the token that you got when you signed in.',
		forbidden: 'This token is somebody else’s.', 'sale-not-found': 'The shop does not know this sale any more.',
	}[name] ?? `The shop refused: ${typeof body.title === 'string' ? body.title : `status ${status}`}.`;
}
