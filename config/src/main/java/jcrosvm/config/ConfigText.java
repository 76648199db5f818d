package jcrosvm.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import jcrosvm.base.VmmException;

/** What a configuration file holds, for messages about places in it. */
record ConfigText(Path file, String json) {
    /** Far above any real file; a user that names a disk by mistake gets an error. */
    static final int MAX_BYTES = 1 << 20;

    /** @throws VmmException when it cannot be read */
    static ConfigText read(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES) {
                throw new VmmException("configuration file " + file + " has more than " + (MAX_BYTES >> 10) + " KiB");
            }
            return new ConfigText(
                    file,
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .decode(ByteBuffer.wrap(bytes))
                            .toString());
        } catch (NoSuchFileException e) {
            throw new VmmException("configuration file " + file + " does not exist", e);
        } catch (AccessDeniedException e) {
            throw new VmmException("cannot read configuration file " + file + ": no permission", e);
        } catch (CharacterCodingException e) {
            throw new VmmException("configuration file " + file + " is not UTF-8 text", e);
        } catch (IOException e) {
            throw new VmmException("cannot read configuration file " + file + ": " + e.getMessage(), e);
        }
    }

    /** {@code FILE:line:column} of a character. */
    String place(int position) {
        int line = 1;
        int column = 1;
        for (int i = 0; i < Math.min(position, json.length()); i++) {
            column++;
            if (json.charAt(i) == '\n') {
                line++;
                column = 1;
            }
        }
        return file + ":" + line + ":" + column;
    }
}
