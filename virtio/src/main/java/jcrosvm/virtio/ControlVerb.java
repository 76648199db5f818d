package jcrosvm.virtio;

import java.util.Map;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Value;

/**
 * A request of the control socket that a kind of device answers. The device carries it out ({@link
 * VirtioDevice#command}); here stands which device that is.
 *
 * @param name key of the request in JSON: {@code DiskCommand}
 */
public record ControlVerb(String name, Choice choice) {
    /** The reply to a request that was carried out, when there is nothing more to say. */
    public static final Value OK = Value.string("Ok");

    /** Picks the device that a request is for. */
    @FunctionalInterface
    public interface Choice {
        /**
         * @param body what stands under the name
         * @param count one more than the highest number of a device of the kind; 0 when there is none
         * @return the device's number
         * @throws jcrosvm.base.OsException whose errno is the reply, when there is no such device
         * @throws jcrosvm.config.ConfigException when the body is malformed
         */
        int device(Value body, int count);
    }

    /**
     * Has a request carried out.
     *
     * @param devices all of this kind, by number; none may be closed meanwhile
     * @return as {@link VirtioDevice#command}, which also says what is thrown
     */
    public CompletionStage<Value> perform(Value body, Map<Integer, ? extends VirtioDevice> devices) {
        int count =
                devices.keySet().stream().mapToInt(number -> number + 1).max().orElse(0);
        int number = choice.device(body, count);
        VirtioDevice device = devices.get(number);
        if (device == null) {
            throw new OsException("device " + number + " is not there any more", Errno.ENODEV);
        }
        return device.command(name, body);
    }
}
