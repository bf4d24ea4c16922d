// Who buys: a name that is believed, or a token where the service wants one.
import { me, setToken } from './api.js';
import { S } from './state.js';
import * as units from './units.js';

const NAME = 'flashsale.user', TOKEN = 'flashsale.token';
const $ = id => document.getElementById(id);
const read = (storage, key) => { try { return window[storage].getItem(key); } catch { return null; } };
const write = (storage, key, it) => { try { it ? window[storage].setItem(key, it) : window[storage].removeItem(key); } catch { /* for this tab, then */ } };
const isName = it => typeof it === 'string' && /^[\w.:@-]{1,64}$/.test(it);

let render;

export function start(onChange, onSubmit) {
	render = onChange;
	S.wantsToken = document.documentElement.dataset.identity === 'on';
	const kept = read('localStorage', NAME);
	if (!S.wantsToken && isName(kept)) { S.user = kept; $('user').value = kept; }
	$('user').addEventListener('input', typed);
	$('who').addEventListener('submit', e => { e.preventDefault(); onSubmit(); });
	$('signOut').addEventListener('click', () => { forget(); render(); $('user').focus(); });
	addEventListener('storage', e => { if (e.key === NAME && isName(e.newValue) && !S.busy) { S.user = e.newValue; $('user').value = e.newValue; render(); } });
	if (S.wantsToken) setToken(read('sessionStorage', TOKEN));
}

/** Takes the token that this tab has, as soon as the service can be asked whose it is. */
export async function goOn() {
	const token = read('sessionStorage', TOKEN);
	if (S.wantsToken && !S.isSignedIn && token) await signIn(token);
}

function typed() {
	const it = $('user').value.trim();
	complain(S.wantsToken || it === '' || isName(it) ? '' : 'Letters, digits and . _ : @ - only, please.');
	if (S.wantsToken) return;
	S.user = isName(it) ? it : '';
	write('localStorage', NAME, S.user);
	render();
}

function complain(text) {
	const e = $('userErr');
	e.hidden = !text; e.textContent = text;
	text ? $('user').setAttribute('aria-invalid', 'true') : $('user').removeAttribute('aria-invalid');
}

function forget() {
	setToken(null); write('sessionStorage', TOKEN, null);
	S.isSignedIn = false; S.user = '';
}

/** Nobody is named yet: takes a token that was put in, or says what is missing. Returns whether somebody is. */
export async function need() {
	const it = $('user').value.trim();
	if (S.wantsToken && it) return signIn(it);
	complain(S.wantsToken ? 'Put in your token first: this shop wants to know who asks.' : 'Type a name first, so that we know who the unit is for.');
	$('user').focus();
	return false;
}

/** Whose a token is, the service says; with it come the units that other browsers got. */
export async function signIn(token) {
	if (!/^[\x21-\x7e]{1,4096}$/.test(token)) return complain('A token has no blanks in it.'), false;
	setToken(token);
	const answer = await me(S.sale?.id ?? 1);
	if (answer.kind !== 'ok') {
		if (answer.kind !== 'no' && read('sessionStorage', TOKEN) === token) return false;
		forget();
		render();
		complain(answer.kind === 'no' ? 'The shop does not take this token. It may be too old: sign in anew, and put in the new one.' : 'The shop could not look at your token just now. Please try again.');
		return false;
	}
	write('sessionStorage', TOKEN, token);
	$('user').value = ''; complain('');
	S.user = answer.body.user_id; S.isSignedIn = true;
	count(answer.body);
	for (const { code } of [...answer.body.holds ?? [], ...answer.body.purchases ?? []]) if (!S.units.some(u => u.code === code)) await units.check(code);
	S.units = units.load();
	render();
	return true;
}

/** What the user has, wherever it was got. */
export async function recount() {
	if (!S.sale || (S.wantsToken ? !S.isSignedIn : !S.user)) return;
	const answer = await me(S.sale.id, S.isSignedIn ? '' : S.user);
	if (answer.kind === 'ok') { count(answer.body); render(); }
}

const count = body => { S.elsewhere = { sale: body.sale_id, user: body.user_id, n: (body.held ?? 0) + (body.bought ?? 0) }; };

export function draw(isShown) {
	$('who').hidden = !isShown;
	$('signed').hidden = !S.isSignedIn; $('typed').hidden = S.isSignedIn;
	$('signedAs').textContent = S.user;
	if (S.wantsToken && $('user').type !== 'password') {
		Object.assign($('user'), { type: 'password', maxLength: 4096, autocomplete: 'off', value: '' });
		$('userLabel').textContent = 'Your token';
		$('userHelp').textContent = 'This shop asks who you are. The token is what you got when you signed in; it stays in this tab.';
	}
}
