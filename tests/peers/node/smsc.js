// An SMSC made of the npm package `smpp`. Says what it sees as one JSON object per line on stdout,
// and obeys lines on stdin: {"do": "inbound", "from": ..., "to": ..., "text": ...} and {"do": "unbind"}.
// usage: node smsc.js SYSTEM_ID PASSWORD
'use strict';
const readline = require('readline');
const smpp = require('smpp');
const [systemId, password] = process.argv.slice(2);
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');

let bound = null;
let count = 0;

// Octets of the user data after the header, in hex, and what the package itself reads there.
function seen(pdu) {
  const message = pdu.short_message || {};
  const text = message.message;
  return {
    text: Buffer.isBuffer(text) ? text.toString('hex') : text,
    udh: message.udh ? message.udh.map((element) => element.toString('hex')) : [],
  };
}

function receipt(submit, id) {
  return {
    esm_class: 4,
    source_addr: submit.destination_addr,
    destination_addr: submit.source_addr,
    receipted_message_id: id,
    message_state: 2,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2612011200 done date:2612011201 stat:DELIVRD err:000 text:`,
  };
}

const server = smpp.createServer((session) => {
  session.on('error', (error) => say({ event: 'error', message: error.message }));
  session.on('close', () => say({ event: 'closed' }));
  session.on('bind_transceiver', (pdu) => {
    const isGood = pdu.system_id === systemId && pdu.password === password;
    say({ event: 'bind', system_id: pdu.system_id, interface_version: pdu.interface_version, good: isGood });
    session.send(pdu.response({ command_status: isGood ? smpp.ESME_ROK : smpp.ESME_RINVPASWD }));
    if (isGood) bound = session;
  });
  session.on('submit_sm', (pdu) => {
    const id = `node-${String(++count).padStart(6, '0')}`;
    say({
      event: 'submit', id, source: pdu.source_addr, source_ton: pdu.source_addr_ton, source_npi: pdu.source_addr_npi,
      destination: pdu.destination_addr, dest_ton: pdu.dest_addr_ton, dest_npi: pdu.dest_addr_npi,
      esm_class: pdu.esm_class, data_coding: pdu.data_coding, registered_delivery: pdu.registered_delivery,
      validity_period: pdu.validity_period, ...seen(pdu),
    });
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery) {
      session.deliver_sm(receipt(pdu, id), (answer) => say({ event: 'receipt_answered', id, status: answer.command_status }));
    }
  });
  session.on('enquire_link', (pdu) => {
    say({ event: 'enquire_link' });
    session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    say({ event: 'unbind' });
    session.send(pdu.response());
    session.close();
  });
});

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  if (order.do === 'inbound') {
    bound.deliver_sm(
      { source_addr: order.from, destination_addr: order.to, short_message: order.text },
      (answer) => say({ event: 'inbound_answered', status: answer.command_status }));
  } else if (order.do === 'unbind') {
    bound.unbind(() => say({ event: 'unbound' }));  // It is the other side that closes.
  }
}).on('close', () => process.exit(0));

server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
