package jcrosvm.network.user;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Puts IP fragments together again, a few packets at a time: a new one takes the place of the oldest. Fragments that
 * overlap spoil their packet (RFC 5722; for IPv4 nothing sane does it either).
 */
final class Reassembly {
    private static final int PACKETS = 8;
    private static final int MAX_LENGTH = 65535;
    private static final long PATIENCE = 30_000_000_000L;

    private static final class Partial {
        final ByteBuffer bytes = ByteBuffer.allocate(MAX_LENGTH + 1);
        /** A bit per 8 bytes that are there. */
        final long[] present = new long[(MAX_LENGTH + 1) / 8 / 64];

        boolean used;
        long sourceHigh;
        long sourceLow;
        long targetHigh;
        long targetLow;
        int id;
        int protocol;
        int received;
        int total;
        long since;

        boolean isOf(IpPacket p) {
            return used
                    && id == p.fragmentId
                    && sourceLow == p.sourceLow
                    && targetLow == p.targetLow
                    && sourceHigh == p.sourceHigh
                    && targetHigh == p.targetHigh
                    && protocol == p.protocol;
        }

        void begin(IpPacket p, long now) {
            used = true;
            id = p.fragmentId;
            protocol = p.protocol;
            sourceHigh = p.sourceHigh;
            sourceLow = p.sourceLow;
            targetHigh = p.targetHigh;
            targetLow = p.targetLow;
            received = 0;
            total = -1;
            since = now;
            Arrays.fill(present, 0);
        }

        /** False when the fragment contradicts the others. */
        boolean put(IpPacket p) {
            int end = p.fragmentOffset + p.length;
            if (p.length == 0 || end > MAX_LENGTH || p.hasMoreFragments && p.length % 8 != 0) {
                return false;
            }
            if (!p.hasMoreFragments) {
                if (total >= 0 && total != end) {
                    return false;
                }
                total = end;
            }
            if (total >= 0 && end > total) {
                return false;
            }
            for (int block = p.fragmentOffset / 8; block * 8 < end; block++) {
                if ((present[block >> 6] & 1L << block) != 0) {
                    return false;
                }
                present[block >> 6] |= 1L << block;
            }
            bytes.put(p.fragmentOffset, p.data, p.payload, p.length);
            received += p.length;
            return true;
        }
    }

    private final @Nullable Partial[] partials = new @Nullable Partial[PACKETS];

    /** Takes a fragment. True when its packet is complete: the packet's payload is then the whole one. */
    boolean add(IpPacket packet, long now) {
        Partial partial = find(packet, now);
        if (!partial.put(packet)) {
            partial.used = false;
            return false;
        }
        if (partial.total < 0 || partial.received < partial.total) {
            return false;
        }
        partial.used = false;
        packet.data = partial.bytes;
        packet.payload = 0;
        packet.length = partial.total;
        packet.isFragment = false;
        return true;
    }

    private Partial find(IpPacket packet, long now) {
        int place = 0;
        long oldest = Long.MIN_VALUE;
        for (int i = 0; i < PACKETS; i++) {
            Partial partial = partials[i];
            if (partial != null && partial.isOf(packet) && now - partial.since < PATIENCE) {
                return partial;
            }
            long age = partial == null || !partial.used ? Long.MAX_VALUE : now - partial.since;
            if (age > oldest) {
                oldest = age;
                place = i;
            }
        }
        Partial partial = partials[place];
        if (partial == null) {
            partial = new Partial();
            partials[place] = partial;
        }
        partial.begin(packet, now);
        return partial;
    }
}
