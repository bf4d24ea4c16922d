// Who buys: a name that is believed, or a token where the service wants one.
import { me, onOut, setToken } from './api.js';
import { $, set } from './dom.js';
import { S, nextHold } from './state.js';
import * as units from './units.js';

const NO_NAME = 'Letters, digits and . _ : @ - only, please.', NAME = 'flashsale.user', TOKEN = 'flashsale.token', TOKEN_MAX = 8_192;
const read = (storage, key) => { try { return window[storage].getItem(key); } catch { return null; } };
const write = (storage, key, it) => { try { it ? window[storage].setItem(key, it) : window[storage].removeItem(key); } catch { /* for this tab, then */ } };
const isName = it => typeof it === 'string' && /^[\w.:@-]{1,64}$/.test(it);

let render, isIn;

/** `onSubmit` is called when a name was put in and Enter pressed; `onIn` when somebody has signed in. */
export function start(onChange, onSubmit, onIn) {
	render = onChange; isIn = onIn;
	S.wantsToken = document.documentElement.dataset.identity === 'on';
	const kept = read('localStorage', NAME);
	if (!S.wantsToken && isName(kept)) { S.user = kept; $('user').value = kept; }
	$('user').addEventListener('input', typed);
	$('who').addEventListener('submit', e => { e.preventDefault(); S.wantsToken ? need() : onSubmit(); });
	$('signOut').addEventListener('click', () => { forget(); S.user = ''; shown(); $('user').focus(); });
	addEventListener('storage', e => { if (e.key === NAME && isName(e.newValue) && !S.wantsToken && !S.requests.size) { S.user = e.newValue; $('user').value = e.newValue; render(); } });
	onOut(() => {
		const was = S.isSignedIn;
		S.wantsToken = true;
		forget();
		if (was) complain('Your token is not taken any more: it may be over. Put in a new one.');
		render();
	});
	// Whose this tab's token is, it was told; should it be over, the first request says so.
	const [token, user] = (S.wantsToken && read('sessionStorage', TOKEN) || '').split(' ');
	if (isName(user)) { setToken(token); S.user = user; S.isSignedIn = true; }
}

function typed() {
	const it = $('user').value.trim();
	complain(S.wantsToken || it === '' || isName(it) ? '' : NO_NAME);
	if (S.wantsToken) return;
	S.user = isName(it) ? it : '';
	write('localStorage', NAME, S.user);
	render();
}

function complain(text) {
	set($('userErr'), text);
	text ? $('user').setAttribute('aria-invalid', 'true') : $('user').removeAttribute('aria-invalid');
}

/** Nobody is signed in any more. Whose units are shown stays: what is on hold can be bought by whoever comes back. */
function forget() { setToken(null); write('sessionStorage', TOKEN, null); S.isSignedIn = false; }

/** Shows the units of whoever it is now. */
function shown() {
	S.units = units.load();
	if (!S.units.some(u => u.code === S.picked)) S.picked = nextHold();
	S.message = null;
	render();
}

/** Nobody is known yet: takes a token that was put in, or says what is missing. Returns whether somebody is. */
export async function need() {
	const it = $('user').value.trim();
	if (S.wantsToken && it) return signIn(it);
	complain(S.wantsToken ? 'Put in your token first: this shop wants to know who asks.' : it ? NO_NAME : 'Type a name first, so that we know who the unit is for.');
	$('user').focus();
	return false;
}

/** Whose a token is, the service says; with it come the units that other browsers got. */
async function signIn(token) {
	if (!/^[\x21-\x7e]+$/.test(token)) return complain('A token has no blanks in it.'), false;
	if (token.length > TOKEN_MAX) return complain('A token has no more than 8,192 letters.'), false;
	setToken(token);
	const answer = await me(S.sale?.id ?? units.someSale() ?? 1);
	if (answer.kind !== 'ok') {
		forget();
		render();
		complain(answer.name === 'sale-not-found' ? 'The shop can say whose token it is once a sale is planned.' : answer.kind === 'no' ? `The shop does not take this token${typeof answer.body.detail === 'string' ? `: ${answer.body.detail}` : ''}.` : 'The shop could not look at your token just now. Please try again.');
		return false;
	}
	write('sessionStorage', TOKEN, `${token} ${answer.body.user_id}`);
	$('user').value = ''; complain('');
	S.user = answer.body.user_id; S.isSignedIn = true;
	await take(answer.body);
	shown();
	isIn();
	return true;
}

/** Counts what a user has, and gets to know their units, where they are told. Returns whether there were others than are known. */
async function take(body) {
	S.elsewhere = { sale: body.sale_id, user: body.user_id, n: (body.held ?? 0) + (body.bought ?? 0) };
	const known = new Set(units.load().map(u => u.code)), codes = [body.holds, body.purchases, body.cancelled_purchases].flatMap(list => list ?? []).map(it => it.code);
	const others = codes.filter(code => !known.has(code));
	await units.checkEach(others);
	return others.length > 0;
}

/** What the user has, wherever it was got. */
export async function recount() {
	const { sale, user } = S;
	if (!sale || !user || S.wantsToken && !S.isSignedIn) return;
	const answer = await me(sale.id, S.wantsToken ? '' : user);
	if (answer.kind !== 'ok') return false;
	if (S.sale?.id !== sale.id || S.user !== user) return;
	const isMore = await take(answer.body);
	S.units = units.load();
	if (isMore) S.picked ??= nextHold();
	render();
}

export function draw(isShown) {
	$('who').hidden = !isShown;
	$('signed').hidden = !S.isSignedIn; $('typed').hidden = S.isSignedIn; $('signIn').hidden = !S.wantsToken;
	$('signedAs').textContent = S.user;
	if (S.wantsToken && $('user').type !== 'password') {
		// Longer than one may be: what is cut off in silence is a wrong one.
		Object.assign($('user'), { type: 'password', maxLength: 2 * TOKEN_MAX, autocomplete: 'off', value: '' });
		$('userLabel').textContent = 'Your token';
		$('userHelp').textContent = 'This shop asks who you are. The token is what you got when you signed in; it stays in this tab.';
	}
}
