# SPDX-License-Identifier: EUPL-1.2
# fake-smsc.pl: a message centre made of Net::SMPP: takes one bind and every submit, and hands in one message. Tells what it
# hears as lines on stdout. Argument: port.
use strict;
use warnings;
use Net::SMPP;
$| = 1;
my $port = shift;
my $listener = Net::SMPP->new_listen('127.0.0.1', port => $port, smpp_version => 0x34, interface_version => 0x34)
  or die "no listener on $port: $!";
print "listening\n";
my $s = $listener->accept or die "no session: $!";
while (my $pdu = $s->read_pdu()) {
    my $cmd = $pdu->{cmd};
    if ($cmd == Net::SMPP::CMD_bind_transceiver) {
        print "bind $pdu->{system_id} $pdu->{password}\n";
        $s->bind_transceiver_resp(system_id => 'perl', seq => $pdu->{seq});
        $s->deliver_sm(source_addr => '491706666666', source_addr_ton => 1, source_addr_npi => 1,
            destination_addr => '12345', short_message => 'von Net::SMPP', async => 1);
    } elsif ($cmd == Net::SMPP::CMD_deliver_sm_resp) {
        print "taken $pdu->{status}\n";
    } elsif ($cmd == Net::SMPP::CMD_submit_sm) {
        print "submit $pdu->{destination_addr} $pdu->{data_coding} ", unpack('H*', $pdu->{short_message}), "\n";
        $s->submit_sm_resp(message_id => 'perl1', seq => $pdu->{seq});
    } elsif ($cmd == Net::SMPP::CMD_enquire_link) {
        $s->enquire_link_resp(seq => $pdu->{seq});
    } elsif ($cmd == Net::SMPP::CMD_unbind) {
        $s->unbind_resp(seq => $pdu->{seq});
    }
}
