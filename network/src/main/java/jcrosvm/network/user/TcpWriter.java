package jcrosvm.network.user;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import jcrosvm.base.io.IoVec;

/** Writes TCP segments straight to the guest's buffers, with as much left to its driver as it offered. */
final class TcpWriter {
    // struct virtio_net_hdr_v1 (virtio 1.3, 5.1.6), little-endian
    private static final int GSO_TCPV4 = 1;
    private static final int GSO_TCPV6 = 4;
    private static final int NEEDS_CSUM = 1;
    private static final int VIRTIO = jcrosvm.network.NetBackend.HEADER;
    private static final int ETHERNET = PacketWriter.ETHERNET;
    private static final int CHECKSUM = 16;
    private static final int MAX_SACK_BLOCKS = 3;
    private static final int MAX_IP = 65535;

    private final AddressPlan plan;
    private final int mtu;
    private final ByteBuffer header = ByteBuffer.allocateDirect(256);
    private final MemorySegment segment = MemorySegment.ofBuffer(header);
    private boolean isChecksumLeft;
    private boolean isSegmentationLeft4;
    private boolean isSegmentationLeft6;

    TcpWriter(AddressPlan plan, int mtu) {
        this.plan = plan;
        this.mtu = mtu;
    }

    /** What the driver does itself. */
    void offloads(boolean checksum, boolean segmentation4, boolean segmentation6) {
        isChecksumLeft = checksum;
        isSegmentationLeft4 = checksum && segmentation4;
        isSegmentationLeft6 = checksum && segmentation6;
    }

    private static int ipHeader(TcpConnection c) {
        return c.key().isV4() ? 20 : 40;
    }

    /** Bytes of data that the next segment can have. */
    int room(IoVec into, TcpConnection c) {
        boolean large = c.key().isV4() ? isSegmentationLeft4 : isSegmentationLeft6;
        int most = large ? MAX_IP - ipHeader(c) - TcpSegment.HEADER : c.mss();
        long fits = into.length() - VIRTIO - ETHERNET - ipHeader(c) - TcpSegment.HEADER;
        return (int) Math.max(0, Math.min(most, fits));
    }

    int writeSyn(IoVec into, TcpConnection c, int window) {
        int at = begin(c);
        int flags = TcpSegment.SYN | (c.isSynSent() ? 0 : TcpSegment.ACK);
        tcp(at, c, c.sender().first, c.isSynSent() ? 0 : c.receiver().next, window);
        int p = at + TcpSegment.HEADER;
        header.putInt(p, 2 << 24 | 4 << 16 | mtu - ipHeader(c) - TcpSegment.HEADER);
        p += 4;
        if (c.isSackPermitted()) {
            header.putInt(p, 0x01010402);
            p += 4;
        }
        if (c.isScaled()) {
            header.putInt(p, 0x01030300 | c.receiver().offeredScale());
            p += 4;
        }
        return finish(into, c, at, p - at, flags, 0);
    }

    int writeAck(IoVec into, TcpConnection c, int window) {
        int at = begin(c);
        tcp(at, c, c.sender().next, c.receiver().next, window);
        int p = at + TcpSegment.HEADER;
        SequenceRanges early = c.receiver().early();
        int blocks = c.isSackPermitted() ? Math.min(MAX_SACK_BLOCKS, early.count()) : 0;
        if (blocks > 0) {
            header.putInt(p, 0x01010500 | 2 + 8 * blocks);
            p += 4;
            int latest = c.receiver().latest();
            for (int i = 0; i < blocks; i++, p += 8) {
                int range = (latest + i) % early.count();
                header.putInt(p, early.start(range));
                header.putInt(p + 4, early.end(range));
            }
        }
        return finish(into, c, at, p - at, TcpSegment.ACK, 0);
    }

    /** The segment that the sender has planned. */
    int writeData(IoVec into, TcpConnection c, int window) {
        TcpSender sender = c.sender();
        int at = begin(c);
        tcp(at, c, sender.unacknowledged + sender.offset, c.receiver().next, window);
        int flags = TcpSegment.ACK
                | (sender.withFin ? TcpSegment.FIN : 0)
                | (sender.offset + sender.length == sender.buffered() ? TcpSegment.PSH : 0);
        return finish(into, c, at, TcpSegment.HEADER, flags, sender.length);
    }

    private int begin(TcpConnection c) {
        header.putLong(0, 0);
        header.putInt(8, 0x0100); // num_buffers: 1
        PacketWriter.ethernet(
                header,
                VIRTIO,
                c.mac(),
                plan.gatewayMac(),
                c.key().isV4() ? PacketWriter.ETHERTYPE_V4 : PacketWriter.ETHERTYPE_V6);
        return VIRTIO + ETHERNET + ipHeader(c);
    }

    private void tcp(int at, TcpConnection c, int sequence, int acknowledgment, int window) {
        header.putShort(at, (short) c.key().remotePort);
        header.putShort(at + 2, (short) c.key().guestPort);
        header.putInt(at + 4, sequence);
        header.putInt(at + 8, acknowledgment);
        header.putShort(at + 14, (short) window);
        header.putInt(at + CHECKSUM, 0);
    }

    private int finish(IoVec into, TcpConnection c, int at, int tcpHeader, int flags, int length) {
        FlowKey key = c.key();
        header.putShort(at + 12, (short) (tcpHeader / 4 << 12 | flags));
        PacketWriter.ip(
                header,
                VIRTIO + ETHERNET,
                key.remoteHigh,
                key.remoteLow,
                key.guestHigh,
                key.guestLow,
                IpPacket.TCP,
                64,
                tcpHeader + length);
        long sum = Checksum.pseudoHeader(
                key.remoteHigh, key.remoteLow, key.guestHigh, key.guestLow, IpPacket.TCP, tcpHeader + length);
        if (isChecksumLeft) {
            header.putShort(at + CHECKSUM, (short) Checksum.fold(sum));
            header.put(0, (byte) NEEDS_CSUM);
            putLittle(6, at - VIRTIO);
            putLittle(8, CHECKSUM);
            if (length > c.mss()) {
                header.put(1, (byte) (key.isV4() ? GSO_TCPV4 : GSO_TCPV6));
                putLittle(2, at - VIRTIO + tcpHeader);
                putLittle(4, c.mss());
            }
        } else {
            sum += Checksum.sum(header, at, tcpHeader)
                    + (length > 0 ? c.sender().sum() : 0);
            header.putShort(at + CHECKSUM, Checksum.of(sum));
        }
        int headers = at + tcpHeader;
        int copied = (int) Math.min(headers, into.length());
        into.copyIn(0, segment, 0, copied);
        if (length > 0) {
            c.sender().copyTo(into, headers);
        }
        return copied + length;
    }

    private void putLittle(int at, int value) {
        header.putShort(at, Short.reverseBytes((short) value));
    }
}
