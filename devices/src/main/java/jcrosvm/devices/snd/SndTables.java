package jcrosvm.devices.snd;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.SoundBackend;

/**
 * What the driver can ask of a card: its streams and the positions of their channels.
 *
 * @param streams by number; those that play come first
 * @param chmaps by number
 */
public record SndTables(List<PcmEntry> streams, List<Chmap> chmaps) {
    private static final int OUTPUT_CHANNELS = 6;
    private static final int INPUT_CHANNELS = 2;

    // Channel positions (virtio 1.3, 5.14.6.7.1).
    private static final int FL = 3;
    private static final int FR = 4;
    private static final int RL = 5;
    private static final int RR = 6;
    private static final int FC = 7;
    private static final int LFE = 8;

    /**
     * Where a PCM device's channels sound.
     *
     * @param device number of the PCM device
     * @param isInput whether it captures
     * @param positions of each channel
     */
    public record Chmap(int device, boolean isInput, List<Integer> positions) {
        public Chmap {
            positions = List.copyOf(positions);
        }
    }

    public SndTables {
        streams = List.copyOf(streams);
        chmaps = List.copyOf(chmaps);
    }

    static SndTables of(SndConfig config, SoundBackend backend) {
        boolean isAll = config.formats() == SndFormats.ALL;
        long rates = isAll ? SndSpec.ALL_RATES : SndSpec.CROSVM_RATES;
        long formats = SndSpec.formats(format -> (isAll || isUsual(format)) && backend.takes(format));
        List<PcmEntry> streams = new ArrayList<>();
        for (int i = 0; i < config.outputs(); i++) {
            streams.add(new PcmEntry(i, false, i / config.numOutputStreams(), formats, rates, OUTPUT_CHANNELS));
        }
        for (int i = 0; i < config.inputs(); i++) {
            streams.add(new PcmEntry(i, true, i / config.numInputStreams(), formats, rates, INPUT_CHANNELS));
        }
        List<Chmap> chmaps = new ArrayList<>();
        add(chmaps, config.numOutputDevices(), false, FL, FR);
        add(chmaps, config.numInputDevices(), true, FL, FR);
        add(chmaps, config.numOutputDevices(), false, FL, FR, RL, RR);
        add(chmaps, config.numOutputDevices(), false, FL, FR, FC, LFE, RL, RR);
        return new SndTables(streams, chmaps);
    }

    private static boolean isUsual(SampleFormat format) {
        return switch (format) {
            case U8, S16, S24, S32 -> true;
            default -> false;
        };
    }

    private static void add(List<Chmap> chmaps, int devices, boolean isInput, Integer... positions) {
        for (int i = 0; i < devices; i++) {
            chmaps.add(new Chmap(i, isInput, List.of(positions)));
        }
    }
}
