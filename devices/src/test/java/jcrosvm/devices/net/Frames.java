package jcrosvm.devices.net;

import java.nio.ByteBuffer;
import java.util.Arrays;
import jcrosvm.network.NetBackend;

/** Packets as a guest's stack makes them: the device's header, Ethernet, and what is in it. */
final class Frames {
    static final int NEEDS_CSUM = 1;
    static final int GSO_UDP_L4 = 5;
    static final int ETHERNET = NetBackend.HEADER;
    static final int IP = ETHERNET + 14;
    static final int UDP = IP + 20;
    static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};

    private Frames() {}

    private static ByteBuffer frame(byte[] to, byte[] from, int type, int length) {
        ByteBuffer frame = ByteBuffer.allocate(IP + length);
        frame.position(ETHERNET);
        frame.put(to).put(from).putShort((short) type);
        return frame;
    }

    static byte[] arpRequest(byte[] mac, int ip, int wanted) {
        ByteBuffer frame = frame(BROADCAST, mac, 0x806, 28);
        frame.putShort((short) 1)
                .putShort((short) 0x800)
                .put((byte) 6)
                .put((byte) 4)
                .putShort((short) 1);
        frame.put(mac).putInt(ip).put(new byte[6]).putInt(wanted);
        return frame.array();
    }

    /** Sender's Ethernet address in a reply to such a request, or null when it is something else. */
    static byte[] arpReply(byte[] frame, int from) {
        ByteBuffer in = ByteBuffer.wrap(frame);
        if (frame.length < IP + 28
                || in.getShort(ETHERNET + 12) != 0x806
                || in.getShort(IP + 6) != 2
                || in.getInt(IP + 14) != from) {
            return null;
        }
        return Arrays.copyOfRange(frame, IP + 8, IP + 14);
    }

    /** @param segment bytes of each datagram that the packet is to be cut into, or 0 */
    static byte[] udp(
            byte[] to, byte[] from, int fromIp, int toIp, int fromPort, int toPort, byte[] data, int segment) {
        ByteBuffer frame = frame(to, from, 0x800, 28 + data.length);
        frame.put((byte) 0x45)
                .put((byte) 0)
                .putShort((short) (28 + data.length))
                .putInt(0x4000);
        frame.put((byte) 64).put((byte) 17).putShort((short) 0).putInt(fromIp).putInt(toIp);
        frame.putShort(IP + 10, (short) ~sum(frame, IP, 20, 0));
        int length = 8 + data.length;
        frame.putShort((short) fromPort).putShort((short) toPort).putShort((short) length);
        // Checksum left to the device: only the pseudo header's sum is there.
        long pseudo = (fromIp >>> 16) + (fromIp & 0xffff) + (toIp >>> 16) + (toIp & 0xffff) + 17L + length;
        frame.putShort((short) fold(pseudo)).put(data);
        byte[] all = frame.array();
        all[0] = NEEDS_CSUM;
        if (segment > 0) {
            all[1] = GSO_UDP_L4;
            all[2] = (byte) (UDP + 8 - ETHERNET);
            all[4] = (byte) segment;
            all[5] = (byte) (segment >> 8);
        }
        all[6] = (byte) (UDP - ETHERNET);
        all[8] = 6;
        return all;
    }

    static boolean isUdp(byte[] frame, int toPort) {
        ByteBuffer in = ByteBuffer.wrap(frame);
        return frame.length > UDP + 8
                && in.getShort(ETHERNET + 12) == 0x800
                && in.get(IP + 9) == 17
                && (in.getShort(UDP + 2) & 0xffff) == toPort;
    }

    static byte[] udpData(byte[] frame) {
        return Arrays.copyOfRange(frame, UDP + 8, frame.length);
    }

    /** Whether the UDP checksum is complete and right. */
    static boolean isChecksumRight(byte[] frame) {
        ByteBuffer in = ByteBuffer.wrap(frame);
        int length = in.getShort(UDP + 4) & 0xffff;
        int pseudo = sum(in, IP + 12, 8, 17L + length);
        return sum(in, UDP, length, pseudo) == 0xffff;
    }

    private static int sum(ByteBuffer in, int at, int length, long start) {
        long sum = start;
        for (int i = 0; i < length; i++) {
            sum += (in.get(at + i) & 0xffL) << (i % 2 == 0 ? 8 : 0);
        }
        return fold(sum);
    }

    private static int fold(long sum) {
        long folded = sum;
        while (folded > 0xffff) {
            folded = (folded & 0xffff) + (folded >>> 16);
        }
        return (int) folded;
    }
}
