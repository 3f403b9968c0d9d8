//! What Node's own sockets do not offer: looking at what has arrived without taking it, and a second descriptor for a socket.

use crate::failure;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

/// What has arrived at a socket, at most `bytes_max`, and stays there; nothing when nothing has or the socket is gone.
#[napi]
pub fn peek_socket(descriptor: i32, bytes_max: u32) -> Uint8Array {
    let mut bytes = vec![0u8; bytes_max as usize];
    // SAFETY: the buffer is ours and as long as it is said to be.
    let count = unsafe {
        libc::recv(
            descriptor,
            bytes.as_mut_ptr().cast(),
            bytes.len(),
            libc::MSG_PEEK | libc::MSG_DONTWAIT,
        )
    };
    bytes.truncate(usize::try_from(count).unwrap_or(0));
    Uint8Array::from(bytes)
}

/// A second descriptor of the same open socket, closed in programs that this process starts.
#[napi]
pub fn duplicate_descriptor(descriptor: i32) -> napi::Result<i32> {
    // SAFETY: no memory is involved; a descriptor that is not open gives an error.
    let duplicate = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 0) };
    if duplicate < 0 {
        return Err(failure::bytes(std::io::Error::last_os_error()));
    }
    Ok(duplicate)
}

/// Has the kernel keep new connections of a listening socket to itself until their first bytes have come, at most about so many seconds:
/// those that say nothing take no descriptor. Elsewhere than on Linux it does nothing.
#[napi]
pub fn defer_accept(descriptor: i32, seconds: i32) -> napi::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the option's value is an int, which lives through the call.
        let result = unsafe {
            libc::setsockopt(
                descriptor,
                libc::IPPROTO_TCP,
                libc::TCP_DEFER_ACCEPT,
                std::ptr::from_ref(&seconds).cast(),
                size_of::<i32>() as libc::socklen_t,
            )
        };
        if result != 0 {
            return Err(failure::bytes(std::io::Error::last_os_error()));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (descriptor, seconds);
    Ok(())
}
