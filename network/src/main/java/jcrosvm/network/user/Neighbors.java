package jcrosvm.network.user;

import java.util.LinkedHashMap;
import java.util.Map;

/** Ethernet addresses of the guest's addresses, as far as it has used them. A few: a guest may make up more. */
final class Neighbors {
    private static final int MOST = 64;

    private final Map<IpAddress, Long> known = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<IpAddress, Long> eldest) {
            return size() > MOST;
        }
    };
    private long lastHigh;
    private long lastLow;
    private long lastMac = -1;

    /** True when this is news. */
    boolean learn(long high, long low, long mac) {
        if (mac == lastMac && low == lastLow && high == lastHigh) {
            return false;
        }
        lastHigh = high;
        lastLow = low;
        lastMac = mac;
        Long before = known.put(new IpAddress(high, low), mac);
        return before == null || before != mac;
    }

    /** -1 when no host has shown up there. */
    long lookup(IpAddress address) {
        return known.getOrDefault(address, -1L);
    }
}
