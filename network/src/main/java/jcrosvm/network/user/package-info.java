/**
 * User-mode networking: a router between a guest and the host's sockets, without any privilege. What the guest sends is
 * taken apart here, UDP and TCP end in sockets of this process, and ARP, neighbor discovery, ICMP echo, DHCP and DNS are
 * answered or forwarded. Addresses are those of QEMU's user network, since users know them.
 */
@NullMarked
package jcrosvm.network.user;

import org.jspecify.annotations.NullMarked;
