// ESMEs made of the npm package `smpp`. Says what they see as one JSON object per line on stdout, and obeys lines on
// stdin. Buffers are {"hex": "..."} on both sides; each order names the ESME it is for.
//   {"do": "connect", "esme", "url", "ca"?}                  ssmpp:// speaks TLS and trusts the certificate in the file `ca`
//   {"do": "send", "esme", "tag", "command", "fields"}       the response is said with the same tag
//   {"do": "raw", "esme", "octets"}                          octets as they are
//   {"do": "answer", "esme", "status"}                       the command_status for every deliver_sm from now on
//   {"do": "destroy", "esme"}                                gone without a word
'use strict';
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');

// The package keeps of a text only what it reads there; the test wants the octets as well.
const read = smpp.filters.message.decode;
smpp.filters.message.decode = function (value, ...rest) {
  const result = read.call(this, value, ...rest);
  return result === value ? result : { ...result, octets: value };
};

function fromJson(value) {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== 'object') return value;
  if ('hex' in value) return Buffer.from(value.hex, 'hex');
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromJson(inner)]));
}

function toJson(value) {
  if (Buffer.isBuffer(value)) return { hex: value.toString('hex') };
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]));
}

const esmes = {};

function connect(order) {
  const options = { url: order.url };
  if (order.ca) options.ca = fs.readFileSync(order.ca);
  const session = smpp.connect(options, () => say({ event: 'connected', esme: order.esme }));
  const esme = { session, status: 0 };
  const tell = (event, facts) => say({ event, esme: order.esme, ...facts });
  session.on('error', (error) => tell('error', { message: error.message }));
  session.on('close', () => tell('closed'));
  session.on('pdu', (pdu) => tell('pdu', { pdu: toJson(pdu) }));
  session.on('deliver_sm', (pdu) => session.send(pdu.response({ command_status: esme.status })));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => session.send(pdu.response()));
  esmes[order.esme] = esme;
}

const orders = {
  connect,
  send: (order, esme) => esme.session.send(
    new smpp.PDU(order.command, fromJson(order.fields)),
    (pdu) => say({ event: 'response', esme: order.esme, tag: order.tag, pdu: toJson(pdu) })),
  raw: (order, esme) => esme.session.socket.write(Buffer.from(order.octets, 'hex')),
  answer: (order, esme) => { esme.status = order.status; },
  destroy: (order, esme) => esme.session.destroy(),
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  orders[order.do](order, esmes[order.esme]);
}).on('close', () => process.exit(0));

say({ event: 'ready' });
